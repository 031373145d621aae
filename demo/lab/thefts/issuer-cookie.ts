import { createHash } from 'node:crypto';
import { createProof } from 'holdfast/client';
import { randomText } from '../engine/grants.ts';
import type { Loot } from '../engine/loot.ts';
import type { Use } from '../engine/thief.ts';
import type { World } from '../engine/world.ts';
import type { HeaderLine, Seconds } from '../model.ts';
import { type Attempt, type Theft, toAttempt } from '../theft.ts';
import { copyBrowser, headerOf } from './sightings.ts';

/** The cookie that keeps Alice signed in at the issuer, in other hands. */

async function useIssuerCookie(world: World, wait: Seconds): Promise<Attempt> {
  await world.alice.call('/accounts');
  const { carriedBy } = world.profile.settings;
  const issuerCookies = world.alice.cookiesFor(`${world.origins.issuer}/authorize`, 'strict');
  const { cookies } = copyBrowser(world);
  const items = [['issuer session', issuerCookies] as const, ['cookies', cookies] as const];
  world.recorder.loot(
    items.flatMap(([kind, value]) =>
      value === undefined ? [] : [{ kind, where: 'the file of cookies', value }],
    ),
  );
  const loot = carriedBy === 'header' ? await signInAsAlice(world, issuerCookies) : { cookies };
  if ('decidedBy' in loot) return toAttempt(loot);
  await world.wait(wait, 'the thief takes his time');
  return toAttempt(await world.thief.useOrRefresh(loot));
}

/** A sign-in that asks nothing, since the issuer knows the cookie; for a key of the thief's. */
async function signInAsAlice(world: World, issuerCookies: string): Promise<Loot | Use> {
  const { thief, origins, profile } = world;
  const { boundIssuerSession } = profile.settings;
  const key = await thief.key();
  const verifier = randomText();
  const query = new URLSearchParams({
    client_id: 'bank-app',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    dpop_jkt: key.jkt,
  });
  const url = new URL(`${origins.issuer}/authorize?${query}`);
  const ask = async (nonce?: string): Promise<Use> => {
    const proof = boundIssuerSession
      ? await createProof(key, { method: 'GET', url, nonce, now: thief.now() })
      : undefined;
    const headers: readonly HeaderLine[] = [
      ['host', url.host],
      ['cookie', issuerCookies],
      ...(proof === undefined ? [] : [['dpop', proof] as const]),
    ];
    return thief.send('issuer', { method: 'GET', path: url.pathname + url.search, headers, body: null });
  };
  const first = await ask();
  const answer = first.status !== 302 && first.nonce !== undefined ? await ask(first.nonce) : first;
  const location = headerOf(answer, 'location');
  if (location === undefined) return answer;
  return thief.redeem(new URL(location).searchParams.get('code') ?? '', verifier);
}

export const issuerCookie: Theft = {
  id: 'T41',
  slug: 'issuer-cookie',
  title: "Issuer's cookie stolen",
  group: 'Device, refresh token, code, cookies',
  ability: "Read the file of cookies, with the issuer's session in it.",
  loot: ['issuer session', 'cookies'],
  steps: [
    "The thief copies the cookie of Alice's session at the issuer.",
    'With it he asks for a code for a key of his own; the issuer asks nothing back.',
    'He redeems the code, and uses the tokens until they end.',
    'Where the bank keeps the token in a cookie or a session, he uses that cookie.',
  ],
  why: "The tokens are the thief's own, so binding them stops nothing: the issuer's session must be bound to a key itself.",
  aim: 'access',
  timed: true,
  run: useIssuerCookie,
};
