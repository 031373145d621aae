import type { BenchRequest, Seconds } from '../model.ts';

/** What stands in the form of the bench, as text, and the request that it means. */

export const headerMembers = ['typ', 'alg', 'jwk'] as const;
export const claimMembers = ['htm', 'htu', 'iat', 'jti', 'ath', 'nonce'] as const;

export type MemberName = (typeof headerMembers)[number] | (typeof claimMembers)[number];

/** An empty text is as Alice would make it. */
export interface MemberDraft {
  readonly text: string;
  readonly leftOut: boolean;
}

export interface Draft {
  readonly profile: string;
  readonly method: string;
  readonly target: string;
  readonly pasted: string;
  readonly members: Readonly<Record<MemberName, MemberDraft>>;
  /** JSON objects of further members, or nothing. */
  readonly moreHeader: string;
  readonly moreClaims: string;
  readonly signWith: BenchRequest['signWith'];
  readonly copies: BenchRequest['copies'];
  readonly wait: string;
}

export type DraftField = Exclude<keyof Draft, 'members'> | MemberName;

/** What cannot be sent, and why, by field. */
export type DraftErrors = ReadonlyMap<DraftField, string>;

export const untouched: MemberDraft = { text: '', leftOut: false };

const longest: Seconds = 604_800;

/** A request of Alice's, with nothing changed. */
export function plainRequest(profile: string, method = 'GET', target = '/accounts'): BenchRequest {
  return { profile, method, target, header: {}, claims: {}, signWith: 'alice', copies: 1, wait: 0 };
}

/** The request that the form means, or what is wrong with the form. */
export function readDraft(draft: Draft): BenchRequest | DraftErrors {
  const errors = new Map<DraftField, string>();
  const say = (field: DraftField, sentence: string): undefined => void errors.set(field, sentence);
  const header = readPart(draft, headerMembers, 'moreHeader', say);
  const claims = readPart(draft, claimMembers, 'moreClaims', say);
  if (!/^\/[\x21-\x22\x24-\x7e]{0,2000}$/.test(draft.target))
    say('target', 'A path such as /accounts?id=1, without spaces and without #.');
  const pasted = draft.pasted.trim();
  if (pasted !== '' && !/^[\x20-\x7e]{1,12000}$/.test(pasted))
    say('pasted', 'One line of at most 12000 visible ASCII characters, as a header can carry it.');
  if (!/^\d{1,6}$/.test(draft.wait) || Number(draft.wait) > longest)
    say('wait', 'Whole seconds, from 0 to 604800 (7 days).');
  if (errors.size > 0) return errors;
  const { profile, method, target, signWith, copies, wait } = draft;
  const request = { profile, method, target, header, claims, signWith, copies, wait: Number(wait) };
  return pasted === '' ? request : { ...request, pasted };
}

type Say = (field: DraftField, sentence: string) => undefined;

function readPart(
  draft: Draft,
  names: readonly MemberName[],
  more: 'moreHeader' | 'moreClaims',
  say: Say,
): Record<string, unknown> {
  const changed = names
    .filter((name) => draft.members[name].leftOut || draft.members[name].text !== '')
    .map((name) => [name, readMember(name, draft.members[name], say)] as const);
  return { ...readMore(draft[more], more, say), ...Object.fromEntries(changed) };
}

function readMember(name: MemberName, { text, leftOut }: MemberDraft, say: Say): unknown {
  if (leftOut) return null;
  if (name === 'iat') return readTime(text.trim(), say);
  return name === 'jwk' ? readJson(text, 'jwk', 'A JSON object: a JWK.', say) : text;
}

function readTime(text: string, say: Say): unknown {
  if (/^[+-]\d{1,9}$/.test(text)) return { offset: Number(text) };
  if (/^\d{1,12}$/.test(text)) return Number(text);
  return say('iat', 'Seconds from now, such as +600 or -301, or whole seconds since 1970.');
}

function readMore(text: string, field: 'moreHeader' | 'moreClaims', say: Say): object {
  if (text.trim() === '') return {};
  return readJson(text, field, 'A JSON object, such as {"aud": "x"}.', say) ?? {};
}

function readJson(text: string, field: DraftField, must: string, say: Say): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // said below: whatever it is, it is no object
  }
  return say(field, must);
}

/** The form for a request: what it changes, and nothing else. */
export function toDraft(request: BenchRequest): Draft {
  const { profile, method, target, pasted = '', header, claims, signWith, copies, wait } = request;
  const members = Object.fromEntries([
    ...headerMembers.map((name) => [name, toMember(header, name)] as const),
    ...claimMembers.map((name) => [name, toMember(claims, name)] as const),
  ]) as Record<MemberName, MemberDraft>;
  return {
    profile,
    method,
    target,
    pasted,
    members,
    moreHeader: toMore(header, headerMembers),
    moreClaims: toMore(claims, claimMembers),
    signWith,
    copies,
    wait: String(wait),
  };
}

function toMember(part: Readonly<Record<string, unknown>>, name: MemberName): MemberDraft {
  const value = part[name];
  if (value === undefined) return untouched;
  if (value === null) return { text: '', leftOut: true };
  return { text: name === 'iat' ? toTime(value) : toText(value), leftOut: false };
}

function toTime(value: unknown): string {
  if (typeof value !== 'object' || value === null || !('offset' in value)) return toText(value);
  const offset = Number(value.offset);
  return offset < 0 ? String(offset) : `+${offset}`;
}

function toMore(part: Readonly<Record<string, unknown>>, known: readonly string[]): string {
  const more = Object.entries(part).filter(([name]) => !known.includes(name));
  return more.length === 0 ? '' : JSON.stringify(Object.fromEntries(more));
}

export function toText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

/** Whether it is Alice's own, with nothing changed. */
export function isPlain(request: BenchRequest): boolean {
  const { pasted, header, claims, signWith, copies, wait } = request;
  const members = Object.keys(header).length + Object.keys(claims).length;
  return pasted === undefined && members === 0 && signWith === 'alice' && copies === 1 && wait === 0;
}

/** What a request changes, for a list of tries: `htm = POST, no ath, signed by the thief`. */
export function describeRequest(request: BenchRequest): string {
  const { method, target, pasted, header, claims, signWith, copies, wait } = request;
  const changes = Object.entries({ ...header, ...claims }).map(([name, value]) =>
    describeMember(name, value),
  );
  if (pasted !== undefined) changes.splice(0, Number.POSITIVE_INFINITY, 'pasted proof');
  const signed = { alice: '', thief: 'signed by the thief', keep: 'old signature', none: 'no signature' }[
    signWith
  ];
  if (pasted === undefined && signed !== '') changes.push(signed);
  if (copies !== 1) changes.push(copies === 0 ? 'no DPoP header' : 'two DPoP headers');
  if (wait > 0) changes.push(`sent after ${wait} s`);
  const what = changes.length === 0 ? 'as Alice makes it' : changes.join(', ');
  return `${method} ${shorten(target)}: ${what}`;
}

function describeMember(name: string, value: unknown): string {
  return value === null
    ? `no ${name}`
    : `${name} = ${shorten(name === 'iat' ? toTime(value) : toText(value))}`;
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 36)}… (${text.length} characters)` : text;
}
