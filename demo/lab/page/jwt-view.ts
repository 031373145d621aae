import type { CheckId, Seconds } from '../model.ts';
import { durationText } from './cell-marks.ts';
import { h } from './dom.ts';
import { type DecodedJwt, decodeJwt, type Members } from './jwt.ts';

/** A JWT unfolded: each member with what it means in plain words. */

export interface JwtContext {
  /** World time of the moment that is looked at, since 1970; `undefined` where it does not show. */
  readonly now: Seconds | undefined;
  /** Checks that read this request: members that one of them reads lead there. */
  readonly checks: ReadonlySet<CheckId>;
  readonly toCheck: (check: CheckId) => void;
}

const meanings: Readonly<Record<string, string>> = {
  typ: 'what kind of token it says it is',
  alg: 'how it is signed',
  kid: 'which key of the issuer signed it',
  jwk: 'the public key that this proof is checked with',
  iss: 'who issued it',
  sub: 'whom it speaks for',
  aud: 'which server it is for',
  exp: 'when it dies',
  nbf: 'not valid before',
  iat: 'when it was made',
  jti: 'its serial number',
  cnf: 'bound to the key with this thumbprint',
  scope: 'what it allows',
  client_id: 'which application asked for it',
  role: 'what she may do',
  htm: 'good for this method only',
  htu: 'good for this address only',
  ath: 'good with this access token only: its hash',
  nonce: 'a fresh word of the server’s',
};

/** Which check reads a member, where its name is another. */
const readers: Readonly<Record<string, CheckId>> = { cnf: 'jkt', jwk: 'jkt' };

export function showJwt(text: string, context: JwtContext): readonly Node[] {
  const jwt = decodeJwt(text);
  if (jwt === undefined)
    return [h('p', { class: 'nothing' }, unreadable(text)), h('pre', { class: 'bytes' }, text)];
  return [part('Header', jwt.header, context), part('Claims', jwt.claims, context), signature(jwt, text)];
}

function unreadable(text: string): string {
  const encrypted = text.split('.').length === 5;
  return encrypted
    ? 'Encrypted: nobody but the server can read it.'
    : 'Opaque: there is nothing in it to read.';
}

function part(title: string, members: Members, context: JwtContext): HTMLElement {
  const rows = Object.entries(members).map(([name, value]) => member(name, value, context));
  return h(
    'section',
    { class: 'jwt-part' },
    h('h3', { class: 'label' }, title),
    h('dl', { class: 'members' }, ...rows),
  );
}

function signature({ signature }: DecodedJwt, text: string): HTMLElement {
  const shown = signature === '' ? 'none at all' : signature;
  return h(
    'section',
    { class: 'jwt-part' },
    h('h3', { class: 'label' }, 'Signature'),
    h('p', { class: 'bytes' }, h('code', {}, shown)),
    h(
      'details',
      {},
      h('summary', {}, `As sent, ${text.length} characters`),
      h('pre', { class: 'bytes' }, text),
    ),
  );
}

function member(name: string, value: unknown, context: JwtContext): HTMLElement {
  const check = readers[name] ?? name;
  const time = typeof value === 'number' ? timeText(name, value, context.now) : undefined;
  const meaning = [meanings[name], time].filter((text) => text !== undefined).join(': ');
  const link = h(
    'button',
    { type: 'button', class: 'to-check', onclick: () => context.toCheck(check) },
    `check ${check}`,
  );
  return h(
    'div',
    {},
    h('dt', {}, h('code', {}, name), context.checks.has(check) ? link : null),
    h(
      'dd',
      {},
      h('code', { class: 'value' }, toText(value)),
      meaning === '' ? null : h('span', { class: 'meaning' }, meaning),
    ),
  );
}

/** `3 s ago`, `in 59 min`. */
export function timeText(name: string, value: Seconds, now: Seconds | undefined): string | undefined {
  if (now === undefined || !['iat', 'exp', 'nbf', 'auth_time'].includes(name)) return undefined;
  const ahead = Math.round(value - now);
  if (ahead === 0) return 'this second';
  return ahead > 0 ? `in ${durationText(ahead)}` : `${durationText(-ahead)} ago`;
}

function toText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 1).replaceAll(/\n\s*/g, ' ');
}
