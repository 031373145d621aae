import type { BenchAnswer, BenchRequest } from '../model.ts';

/** Mistakes that clients make and thieves try, ready to be sent: each changes one thing about Alice's request. */

export interface Mistake {
  readonly id: string;
  readonly title: string;
  /** One sentence: what is done, and what to look at. */
  readonly about: string;
  readonly change: (alice: AliceProof) => BenchChange;
}

/** The proof that Alice makes for this request, where one is known. */
export interface AliceProof {
  /** Of the bank: `https://bank.example`. */
  readonly origin: string;
  /** Of the request, without its query. */
  readonly path: string;
  readonly jwk: Readonly<Record<string, unknown>>;
}

/** What her own request shows of it. */
export function toAliceProof({ request, header }: BenchAnswer): AliceProof {
  const { origin, pathname: path } = new URL(request.url);
  const { jwk } = (header ?? {}) as { jwk?: Readonly<Record<string, unknown>> };
  return { origin, path, jwk: jwk ?? {} };
}

export type BenchChange = Partial<Pick<BenchRequest, 'header' | 'claims' | 'signWith' | 'copies' | 'wait'>>;

export const mistakes: readonly Mistake[] = [
  {
    id: 'method',
    title: 'Other method',
    about: 'The proof is for another method than the one that is sent.',
    change: () => ({ claims: { htm: 'PATCH' } }),
  },
  {
    id: 'url',
    title: 'Other URL',
    about: 'The proof is for another path of the same bank.',
    change: ({ origin }) => ({ claims: { htu: `${origin}/other` } }),
  },
  {
    id: 'query',
    title: 'Query added',
    about: 'htu has a query; it is to have none, and who compares without it loses nothing.',
    change: ({ origin, path }) => ({ claims: { htu: `${origin}${path}?id=2` } }),
  },
  {
    id: 'capitals',
    title: 'Origin in capitals',
    about: 'The same URL in other letters: scheme and host know no case.',
    change: ({ origin, path }) => ({ claims: { htu: `${origin.toUpperCase()}${path}` } }),
  },
  {
    id: 'port',
    title: 'Default port',
    about:
      'The port of the scheme is written down: the same URL where the bank is at that port, else another one.',
    change: ({ origin, path }) => ({ claims: { htu: `${withDefaultPort(origin)}${path}` } }),
  },
  {
    id: 'slash',
    title: 'Trailing slash',
    about: 'One more slash at the end is another path.',
    change: ({ origin, path }) => ({ claims: { htu: `${origin}${path}/` } }),
  },
  {
    id: 'future',
    title: 'iat in 10 minutes',
    about: 'A proof that is dated ahead, to be kept until then.',
    change: () => ({ claims: { iat: { offset: 600 } } }),
  },
  {
    id: 'nonce',
    title: 'Old nonce',
    about: 'The nonce is two minutes old when the proof is made. It counts only where nonces are asked for.',
    change: () => ({ claims: { iat: { offset: 120 } }, wait: 120 }),
  },
  {
    id: 'private-key',
    title: 'Private key in jwk',
    about: 'The header gives away a private key, which then is nobody’s own any more.',
    change: ({ jwk }) => ({ header: { jwk: { ...jwk, d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI' } } }),
  },
  {
    id: 'hs256',
    title: 'HS256',
    about: 'The header names an algorithm with one secret for both sides.',
    change: () => ({ header: { alg: 'HS256' } }),
  },
  {
    id: 'none',
    title: 'alg none',
    about: 'The header says that there is no signature, and there is none.',
    change: () => ({ header: { alg: 'none' }, signWith: 'none' }),
  },
  {
    id: 'typ',
    title: 'Wrong typ',
    about: 'Some other JWT that the same key has signed is no proof.',
    change: () => ({ header: { typ: 'JWT' } }),
  },
  {
    id: 'two-headers',
    title: 'Two headers',
    about: 'The DPoP header comes twice: which of them would count?',
    change: () => ({ copies: 2 }),
  },
  {
    id: 'long-jti',
    title: 'jti of 5 kB',
    about: 'Whatever a server has to remember, somebody will make large.',
    change: () => ({ claims: { jti: 'j'.repeat(5000) } }),
  },
];

function withDefaultPort(origin: string): string {
  return `${origin.replace(/:\d+$/, '')}:${origin.startsWith('https:') ? 443 : 80}`;
}
