import type { Answer } from '../engine/customer.ts';
import type { Loot } from '../engine/loot.ts';
import type { World } from '../engine/world.ts';
import type { Seconds } from '../model.ts';
import { days, hours, minutes } from '../profile.ts';
import { type Attempt, type Theft, toAttempt } from '../theft.ts';
import { crossSiteForm } from './cross-site.ts';
import { readAccessLog } from './observation.ts';
import { type ProofsAhead, signAhead } from './proofs-ahead.ts';
import {
  copyStorage,
  hiddenBecause,
  outOfReach,
  refreshAndUse,
  showLoot,
  showMissingKey,
} from './sightings.ts';

/** Thefts by script that runs in the bank's own page, and by a page of somebody else's. */

const group = 'Hostile script, hostile page';
const pageOpen: Seconds = minutes(10);
const longest: Seconds = days(7);
const inPage = "the bank's page in Alice's browser";

async function driveThePage(world: World, wait: Seconds): Promise<Attempt> {
  await world.alice.call('/accounts');
  world.recorder.loot([
    { kind: 'live page', where: inPage, value: "script that calls what the page's own code calls" },
  ]);
  await world.wait(wait, 'the script waits in the open page');
  if (wait > pageOpen) {
    const text = 'Alice has closed the page, and the script went with it.';
    world.recorder.note('cannot', { to: 'bank-a', missing: 'the open page', text });
    return { result: 'refused', decidedBy: 'page' };
  }
  world.recorder.say('thief', "The script asks Alice's own client for her profile.");
  return judgePage(world, await world.alice.call('/profile'));
}

function judgePage(world: World, { status, headers, body }: Answer): Attempt {
  if (status === 200 && body.includes(world.canary)) return { result: 'success', decidedBy: null };
  const exchange = world.recorder.find(Number(headers.get('lab-exchange')));
  return { result: 'refused', decidedBy: exchange?.decidedBy ?? null };
}

/** What the script takes away in one go; `undefined` where no token is in its reach. */
async function takeWithProofs(
  world: World,
  ahead: Omit<ProofsAhead, 'accessToken'>,
): Promise<Loot | undefined> {
  await world.alice.call('/accounts');
  const loot = copyStorage(world);
  const { accessToken } = loot;
  if (accessToken === undefined) return undefined;
  showLoot(world, "the page's storage", loot);
  const proofFor = signAhead(world, { ...ahead, accessToken });
  if (proofFor !== undefined)
    world.recorder.loot([{ kind: 'proof', where: inPage, value: 'proofs dated ahead, one for each minute' }]);
  return { ...loot, proofFor };
}

function noTokenForScript(world: World): Attempt {
  return outOfReach(world, 'access token', "the page's storage", hiddenBecause(world));
}

async function useProofsAhead(world: World, wait: Seconds): Promise<Attempt> {
  const loot = await takeWithProofs(world, { lasting: longest, endpoints: ['bank'] });
  if (loot === undefined) return noTokenForScript(world);
  await world.wait(wait, 'the thief takes his time');
  return toAttempt(await world.thief.use(loot));
}

async function refreshWithProofsAhead(world: World, wait: Seconds): Promise<Attempt> {
  const loot = await takeWithProofs(world, { lasting: longest, endpoints: ['bank', 'issuer'] });
  if (loot === undefined) return noTokenForScript(world);
  if (loot.refreshToken === undefined)
    return outOfReach(world, 'refresh token', "the page's storage", 'there are no refresh tokens');
  await world.wait(wait, 'the thief takes his time');
  return refreshAndUse(world, loot);
}

async function oldProofForNewToken(world: World): Promise<Attempt> {
  const lasting = Math.min(world.profile.settings.accessTokenLife, longest) + 60;
  const loot = await takeWithProofs(world, { lasting, endpoints: ['bank'] });
  if (loot === undefined) return noTokenForScript(world);
  await world.wait(lasting, 'the access token runs out');
  // Without refresh tokens she gets her newer token by signing in again.
  if ((await world.alice.call('/accounts')).status !== 200) await world.alice.login();
  await world.alice.call('/accounts');
  const { accessToken } = readAccessLog(world);
  showLoot(world, "bank A's access log", { accessToken });
  return toAttempt(await world.thief.use({ ...loot, accessToken }));
}

async function takeLastTokens(world: World, wait: Seconds): Promise<Attempt> {
  for (let call = 0; call < hours(2) / minutes(5); call++) {
    await world.wait(minutes(5), 'the script watches, Alice goes on');
    await world.alice.call('/accounts');
  }
  const loot = copyStorage(world);
  if (loot.accessToken === undefined) return noTokenForScript(world);
  showLoot(world, "the page's storage, just before it is closed", loot);
  showMissingKey(world, 'bank-a');
  await world.wait(wait, 'the thief takes his time');
  return toAttempt(await world.thief.useOrRefresh(loot));
}

async function startNewLogin(world: World, wait: Seconds): Promise<Attempt> {
  await world.alice.call('/accounts');
  const { jkt } = await world.thief.key();
  world.recorder.say(
    'thief',
    "The script asks the issuer for a code, in Alice's browser, for a key of the thief's.",
  );
  const { code, verifier } = await world.alice.authorize(jkt);
  world.recorder.loot([{ kind: 'code', where: 'the redirect in a hidden frame', value: code }]);
  // What else lies in the page he takes along, but for the tokens: this theft is about new ones.
  const { storage, cookies } = copyStorage(world);
  const tokens = await world.thief.redeem(code, verifier, { storage, cookies });
  if ('decidedBy' in tokens) return toAttempt(tokens);
  await world.wait(wait, 'the thief takes his time');
  return toAttempt(await world.thief.useOrRefresh(tokens));
}

export const scriptThefts: readonly Theft[] = [
  {
    id: 'T10',
    slug: 'xss-live',
    title: 'Script in the open page',
    group,
    ability: 'Run script in the page for as long as it is open, ten minutes.',
    loot: ['live page'],
    steps: [
      'Alice has the page of the bank open.',
      "Injected script calls the page's own client, which adds token, cookies and proof as ever.",
      'Once the page is closed, the script is gone.',
    ],
    why: 'It is the same page with the same key, so no server can tell: only closing the page ends it.',
    aim: 'access',
    timed: true,
    run: driveThePage,
  },
  {
    id: 'T11',
    slug: 'xss-pregen',
    title: 'Proofs signed ahead',
    group,
    ability: "Run script once, and let the page's key sign.",
    loot: ['access token', 'proof'],
    steps: [
      'Alice looks at her accounts.',
      'Injected script copies the access token, and signs a proof for each minute of the next seven days.',
      'Later the thief sends the token with the proof of that minute.',
    ],
    why: 'The key signs any date it is given: only a nonce, which nobody knows ahead, ends this before the token does.',
    aim: 'access',
    timed: true,
    run: useProofsAhead,
  },
  {
    id: 'T12',
    slug: 'xss-pregen-rt',
    title: 'Proofs ahead, for refreshing too',
    group,
    ability: "Run script once, and let the page's key sign for the bank and the token endpoint.",
    loot: ['refresh token', 'proof'],
    steps: [
      'Injected script copies the refresh token, and signs proofs ahead for the token endpoint and for the bank.',
      'Later the thief refreshes with the proof of that minute, and gets a new access token.',
      'He sends the new token with a proof that was signed before it existed.',
    ],
    why: 'A proof names the token it goes with by a hash (ath), and nobody could hash a token that was not there yet.',
    aim: 'access',
    timed: true,
    run: refreshWithProofsAhead,
  },
  {
    id: 'T13',
    slug: 'old-proof-new-token',
    title: 'Old proof, newer token',
    group,
    ability: 'Run script once, and read one line of a log later.',
    loot: ['proof', 'access token'],
    steps: [
      'Injected script signs proofs ahead.',
      'The access token runs out; Alice gets a newer one for the same key.',
      "The thief reads the newer token in bank A's access log, and sends it with a proof from his stock.",
    ],
    why: 'Key, address and date are all right: only the hash of the token in the proof (ath) tells the two apart.',
    aim: 'access',
    timed: false,
    run: oldProofForNewToken,
  },
  {
    id: 'T14',
    slug: 'xss-persist',
    title: 'Script that stays to the end',
    group,
    ability: 'Run script until the page is closed, two hours.',
    loot: ['access token', 'refresh token'],
    steps: [
      'Alice calls the bank every five minutes for two hours, while injected script looks on.',
      'Just before she closes the page, the script copies the tokens that are there.',
      'The thief uses the access token, and then the refresh token.',
    ],
    why: 'The tokens are the last of their line, so rotation sees no second user: only a key that stays behind helps.',
    aim: 'access',
    timed: true,
    run: takeLastTokens,
  },
  {
    id: 'T15',
    slug: 'xss-new-flow',
    title: 'Silent new sign-in',
    group,
    ability: "Run script in the page while Alice's session at the issuer lasts.",
    loot: ['issuer session', 'code'],
    steps: [
      'Injected script opens the authorization page in a hidden frame; the issuer knows Alice and asks nothing.',
      "The code that comes back names the thief's own key.",
      'The thief redeems it from his own machine, and uses the tokens until they end.',
    ],
    why: 'The tokens are new, and properly his: it takes a client with a secret of its own to stop this, or a question to Alice.',
    aim: 'access',
    timed: true,
    run: startNewLogin,
  },
  crossSiteForm,
];
