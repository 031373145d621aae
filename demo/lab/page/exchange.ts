import type { HeaderLine, LabEvent } from '../model.ts';
import { nameOf } from './parties.ts';

/** Requests and the answers to them. */

export type EventOf<T extends LabEvent['type']> = Extract<LabEvent, { readonly type: T }>;

export interface Exchange {
  readonly id: number;
  readonly request: EventOf<'request'>;
  /** Missing where the request was never answered. */
  readonly response: EventOf<'response'> | undefined;
}

export function toExchanges(events: readonly LabEvent[]): readonly Exchange[] {
  const responses = new Map<number, EventOf<'response'>>();
  for (const event of events) if (event.type === 'response') responses.set(event.id, event);
  return events
    .filter((event) => event.type === 'request')
    .map((request) => ({ id: request.id, request, response: responses.get(request.id) }));
}

export function findHeader(headers: readonly HeaderLine[], name: string): string | undefined {
  return headers.find(([candidate]) => candidate.toLowerCase() === name)?.[1];
}

/** Path and query of a URL as sent; the text itself where it is no URL. */
export function toTarget(url: string): string {
  if (!URL.canParse(url)) return url;
  const { pathname, search } = new URL(url);
  return pathname + search;
}

/** `Thief to Bank A`. */
export function toRoute({ request }: Exchange): string {
  return `${nameOf(request.from)} to ${nameOf(request.to)}`;
}

/** `refused, 401, check jkt`. */
export function toVerdict(exchange: Exchange): string {
  const { response } = exchange;
  if (response === undefined) return 'no answer';
  const check = response.decidedBy === null ? '' : `, check ${response.decidedBy}`;
  return `${response.verdict}, ${response.status}${check}`;
}

/** Whether somebody else sends what Alice has sent before. Her own next request may well look like her last one. */
export function isReplay({ request }: Exchange): boolean {
  return request.copyOf !== null && request.from !== 'alice';
}

/** What Alice had sent that is most like it: the original of a copy, else her last one to the same target. */
export function findOriginal(exchange: Exchange, all: readonly Exchange[]): Exchange | undefined {
  const { request } = exchange;
  if (request.copyOf !== null) return all.find(({ id }) => id === request.copyOf);
  const others = all.filter(({ id, request: { from } }) => id !== exchange.id && from === 'alice');
  const sameParty = others.filter(({ request: { to } }) => to === request.to);
  const sameTarget = sameParty.filter(({ request: { url } }) => toTarget(url) === toTarget(request.url));
  return sameTarget.at(-1) ?? sameParty.at(-1) ?? others.at(-1);
}
