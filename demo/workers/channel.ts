import type { Verdict } from '../story.ts';

/** What the primary and its workers tell each other. Keys made at the start go this way: others can read arguments. */

export interface WorkerStart {
  readonly authorizationPort: number;
  readonly resourcePort: number;
  /** Private keys of the issuer: the one that signs, and the next. */
  readonly signingKeys: readonly [JsonWebKey, JsonWebKey];
  /** Hexadecimal. */
  readonly nonceSecret: string;
  readonly talk: boolean;
}

export type ToWorker =
  | ({ readonly type: 'start' } & WorkerStart)
  | { readonly type: 'talk' }
  /** Answered by `flushed`, after every decision before it. */
  | { readonly type: 'flush' }
  | { readonly type: 'stop' };

export interface Listening {
  readonly type: 'listening';
  readonly authorizationOrigin: string;
  readonly resourceOrigin: string;
  readonly ports: readonly [authorization: number, resource: number];
}

export type ToPrimary =
  /** What is sent before this, nobody hears. */
  | { readonly type: 'waiting' }
  | Listening
  | { readonly type: 'failed'; readonly sentence: string }
  | { readonly type: 'decided'; readonly verdict: Verdict }
  | { readonly type: 'flushed' };
