import type { LabEvent, PartyId, Recording, TraceLine } from '../model.ts';
import { paint, type Terminal } from './terminal.ts';

/** One recorded try as a sequence in text. */
export function toSequence(recording: Recording, title: string, terminal: Terminal): string {
  const answers = new Map(
    recording.events.flatMap((event) => (event.type === 'response' ? [[event.id, event] as const] : [])),
  );
  const lines = recording.events.flatMap((event) => toLines(event, answers, terminal));
  return `${[title, '', ...lines].join('\n')}\n`;
}

type Response = Extract<LabEvent, { type: 'response' }>;

function toLines(event: LabEvent, answers: ReadonlyMap<number, Response>, terminal: Terminal): string[] {
  switch (event.type) {
    case 'request':
      return toExchange(event, answers.get(event.id), terminal);
    case 'clock':
      return event.by > 0 ? [`${blank}··· ${event.by} s: ${event.why} ···`] : [];
    case 'say':
      return [`${blank}${paint(terminal, 'dim', `${nameOf(event.who)}: ${event.text}`)}`];
    case 'loot':
      return event.items.map(({ kind, where, value, outOfReach }) =>
        value === null
          ? `${blank}[out of reach] ${kind}, ${where}: ${outOfReach ?? ''}`
          : `${blank}${paint(terminal, 'orange', `[stolen] ${kind}, ${where}`)}`,
      );
    case 'cannot':
      return [`${blank}thief ··· ${nameOf(event.to)}: ${event.text} (needs ${event.missing})`];
    case 'alert':
      return [`${blank}${paint(terminal, 'yellow', `alert: ${event.text}`)}`];
    case 'store':
      return [`${blank}${nameOf(event.party)} remembers ${event.size} in its ${event.name}`];
    case 'end':
      return ['', event.text];
    case 'start':
    case 'response':
      return [];
  }
}

const blank = ' '.repeat(12);

function toExchange(
  request: Extract<LabEvent, { type: 'request' }>,
  answer: Response | undefined,
  terminal: Terminal,
): string[] {
  const { at, from, to, method, url, copyOf } = request;
  const arrow = copyOf === null ? '──▶' : '══▶';
  const way = `${nameOf(from).padEnd(8)} ${terminal.unicode ? arrow : copyOf === null ? '-->' : '==>'} ${nameOf(to).padEnd(8)}`;
  const what = `${method} ${shortUrl(url)}`.padEnd(34);
  const copy = copyOf === null ? '' : ` (the bytes of number ${copyOf})`;
  const line = `${`+${at.toFixed(2)} s`.padEnd(12)}${way} ${what} ${resultOf(answer, terminal)}${copy}`;
  return [line, ...(answer?.checks ?? []).filter(isTelling).map((check) => toCheckLine(check, terminal))];
}

function resultOf(answer: Response | undefined, terminal: Terminal): string {
  if (answer === undefined) return 'no answer';
  const { status, decidedBy, verdict } = answer;
  const text = `${status}${decidedBy === null ? '' : ` ${decidedBy}`}`;
  return verdict === 'accepted' ? text : paint(terminal, 'red', text);
}

/** Of twenty checks that passed nobody wants to read; of those that did not, and of those that were off. */
function isTelling({ verdict }: TraceLine): boolean {
  return verdict !== 'passed';
}

function toCheckLine(
  { name, section, verdict, deciding, expected, found }: TraceLine,
  terminal: Terminal,
): string {
  const mark = verdict === 'off' ? 'off' : deciding ? 'decided' : 'failed';
  const text = `${blank}${mark.padEnd(8)} ${name}: expected ${cut(expected)}, found ${cut(found)}${section === '' ? '' : ` (${section})`}`;
  return deciding ? paint(terminal, 'red', text) : text;
}

function cut(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

const names: Partial<Record<PartyId, string>> = { 'bank-a': 'bank A', 'bank-b': 'bank B' };

function nameOf(party: PartyId): string {
  return names[party] ?? party;
}

function shortUrl(url: string): string {
  const { pathname, search } = new URL(url);
  return cut(pathname + search);
}
