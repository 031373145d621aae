import { createHash } from 'node:crypto';
import { readCookie } from '../engine/bank-call.ts';
import { randomText } from '../engine/grants.ts';
import { refuse } from '../engine/refusal.ts';
import type { World } from '../engine/world.ts';
import type { Draft, Protection, ProtectionMaker } from '../profile.ts';
import { answerPost, isPostTo } from './behind-the-guard.ts';
import { addCookie, claimsIn } from './draft-credentials.ts';

/** Where the secret is, and where only its hash: the same code, and two opposite results. */
export type FingerprintOrder = 'raw in the cookie' | 'raw in the token';

/**
 * A random value in two halves: one is a claim of the token, the other a cookie that no script can read.
 *
 * The issuer is another host than the bank, and no answer of it can set a cookie there. So the client fetches the cookie
 * from the bank with its new token, and each token gets one once: who comes later with a stolen token gets none. Who
 * has a new token of his own, for a stolen refresh token or code, gets a new cookie of his own.
 */
export function fingerprint(order: FingerprintOrder): ProtectionMaker {
  return (world) => {
    const waiting = new Map<string, string>();
    return {
      claims: () => {
        const { fgp, cookie } = createHalves(order);
        waiting.set(fgp, cookie);
        return { fgp };
      },
      received: async (customer) => {
        await customer.callOnce(path, { method: 'POST' });
      },
      bankRoutes: answerPost(path, (ctx, { fgp }) => {
        const cookie = waiting.get(String(fgp));
        if (cookie !== undefined) ctx.append('set-cookie', `${name}=${cookie}; ${hardened}`);
        waiting.delete(String(fgp));
        ctx.status = cookie === undefined ? 409 : 204;
      }),
      after: (call) => {
        if (call.node.id === 'mail' || isPostTo(path, call.ctx)) return; // a cookie of the bank's host does not get to mail
        if (!fits(order, call.cookie(name), call.claims?.['fgp'])) refuse('fgp');
      },
      ...createImitation(world, order),
    };
  };
}

const path = '/fingerprint';
const name = '__Host-fgp';
const hardened = 'HttpOnly; Secure; SameSite=Strict; Path=/';

function createHalves(order: FingerprintOrder): { readonly fgp: string; readonly cookie: string } {
  const raw = randomText();
  return order === 'raw in the cookie' ? { fgp: hash(raw), cookie: raw } : { fgp: raw, cookie: hash(raw) };
}

function fits(order: FingerprintOrder, cookie: string | undefined, fgp: unknown): boolean {
  if (cookie === undefined || typeof fgp !== 'string') return false;
  return order === 'raw in the cookie' ? hash(cookie) === fgp : cookie === hash(fgp);
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** The cookie that he has stolen, if it is of this token; or the hash of what the token says; or what the bank gives him. */
function createImitation(world: World, order: FingerprintOrder): Pick<Protection, 'imitate' | 'forge'> {
  const own = new Map<string, string | undefined>();
  return {
    imitate: async (draft, { cookies = '' }) => {
      const { fgp } = claimsIn(draft);
      if (typeof fgp !== 'string') return;
      const known = [readCookie(cookies, name), hash(fgp), own.get(fgp)];
      const fitting = known.find((cookie) => fits(order, cookie, fgp));
      if (fitting === undefined && !own.has(fgp)) own.set(fgp, await fetchAsThief(world, draft));
      const cookie = fitting ?? own.get(fgp);
      if (cookie !== undefined) addCookie(draft, `${name}=${cookie}`);
    },
    forge: () => {
      const { fgp, cookie } = createHalves(order);
      own.set(fgp, cookie);
      return { fgp };
    },
  };
}

async function fetchAsThief({ thief }: World, { headers }: Draft): Promise<string | undefined> {
  const own = headers.filter(([header]) => ['host', 'authorization'].includes(header.toLowerCase()));
  const answer = await thief.send('bank-a', { method: 'POST', path, headers: own, body: null });
  const line = answer.headers.find(([header]) => header.toLowerCase() === 'set-cookie')?.[1];
  return line === undefined ? undefined : readCookie(line, name);
}
