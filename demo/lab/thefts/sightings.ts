import type { CapturedRequest, Loot } from '../engine/loot.ts';
import type { Exchange } from '../engine/recorder.ts';
import type { World } from '../engine/world.ts';
import type { HeaderLine, LootItem, LootKind } from '../model.ts';
import { type Attempt, nothingToSteal, toAttempt } from '../theft.ts';

/** What others can come to see of Alice: her last request, her storage, her cookie jar. */

function lastExchange(world: World): Exchange | undefined {
  return world.recorder
    .exchanges()
    .findLast(({ from, to, decidedBy }) => from === 'alice' && to === 'bank-a' && decidedBy === null);
}

/** The last request of hers that bank A accepted, byte for byte. */
export function lastRequest(world: World): CapturedRequest {
  const exchange = lastExchange(world);
  if (exchange === undefined) throw new Error('Alice has sent nothing to bank A that was accepted');
  const { method, target: path, headers, body } = exchange;
  return { method, path, headers, body };
}

export function headerOf(
  { headers }: { readonly headers: readonly HeaderLine[] },
  name: string,
): string | undefined {
  return headers.find(([key]) => key.toLowerCase() === name)?.[1];
}

/** What script in the bank's page can copy: local storage, and the cookies that are not kept from it. */
export function copyStorage(world: World): Loot {
  const { storage, jar } = world.alice;
  return {
    accessToken: storage.get('access_token'),
    refreshToken: storage.get('refresh_token'),
    storage: new Map(storage),
    cookies: orNothing(jar.getCookieStringSync(world.origins.bank, { http: false })),
  };
}

/** What lies on Alice's disk: local storage and the whole cookie jar of the bank. */
export function copyBrowser(world: World): Loot {
  const cookies = orNothing(world.alice.cookiesFor(world.origins.bank, 'strict'));
  return { ...copyStorage(world), cookies };
}

/** Her refresh token, in local storage or in a cookie; a session's stays on the server. */
export function copyRefreshToken(world: World): string | undefined {
  const cookies = world.alice.jar.getCookiesSync(world.origins.bank);
  return world.alice.storage.get('refresh_token') ?? cookies.find(({ key }) => key === 'refresh')?.value;
}

function orNothing(text: string): string | undefined {
  return text === '' ? undefined : text;
}

/** Tells what was stolen: of each kind what there is. */
export function showLoot(
  world: World,
  where: string,
  { accessToken, refreshToken, cookies, key }: Loot,
): void {
  const items: readonly (readonly [LootKind, string | undefined])[] = [
    ['access token', accessToken],
    ['refresh token', refreshToken],
    ['cookies', cookies],
    ['key', key === undefined ? undefined : `private key of ${key.jkt}`],
  ];
  const there = items.filter((item): item is readonly [LootKind, string] => item[1] !== undefined);
  world.recorder.loot(there.map(([kind, value]): LootItem => ({ kind, where, value })));
}

/** The loot that this theft is after cannot be had here, and why. */
export function outOfReach(world: World, kind: LootKind, where: string, reason: string): Attempt {
  world.recorder.loot([{ kind, where, value: null, outOfReach: reason }]);
  return nothingToSteal(reason);
}

/** Draws the message that the thief cannot send, where it takes a key that was not among what he copied. */
export function showMissingKey({ profile, recorder }: World, to: 'bank-a' | 'issuer'): void {
  if (profile.settings.dpop === undefined && !profile.settings.mtls) return;
  const text = "What he copied is bound to a key of Alice's, and the key stayed where it was.";
  recorder.note('cannot', { to, missing: "Alice's private key", text });
}

/** Why script, a log or a backup does not find a token. */
export function hiddenBecause({ profile }: World): string {
  return profile.settings.carriedBy === 'cookie'
    ? 'the token is in an HttpOnly cookie, which no script can read and no Authorization header shows'
    : "the token stays on the bank's server; the browser never has it";
}

/** A new access token for the refresh token, and that one used. */
export async function refreshAndUse(world: World, loot: Loot): Promise<Attempt> {
  const refreshed = await world.thief.refresh(loot);
  if ('decidedBy' in refreshed) return toAttempt(refreshed);
  return toAttempt(await world.thief.use({ ...loot, ...refreshed }));
}
