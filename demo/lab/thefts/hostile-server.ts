import type { Use } from '../engine/thief.ts';
import type { World } from '../engine/world.ts';
import type { HeaderLine, Seconds } from '../model.ts';
import { type Attempt, type Theft, toAttempt } from '../theft.ts';
import { seenByMail, showWhatIsMissing, tokenOf } from './observation.ts';
import { sendTwice } from './resending.ts';
import { headerOf, outOfReach } from './sightings.ts';

/** Thefts by a server that Alice talks to herself: the mail service takes the same kind of token as the bank. */

const group = 'Whole requests';
const atMail = "the mail service's memory";

/** `Authorization` and `DPoP` of a request of Alice's to the mail service; `undefined` where she sends it no token. */
async function keepCredentials(world: World, path: string): Promise<readonly HeaderLine[] | undefined> {
  const { alice, recorder } = world;
  recorder.say('alice', 'Alice reads her mail.');
  await alice.call(path, { server: 'mail' });
  const headers = seenByMail(world);
  const accessToken = tokenOf({ headers });
  if (accessToken === undefined) return undefined;
  const proof = headerOf({ headers }, 'dpop');
  recorder.loot([
    { kind: 'access token', where: atMail, value: accessToken },
    ...(proof === undefined ? [] : [{ kind: 'proof', where: atMail, value: proof } as const]),
  ]);
  recorder.say('mail', 'The mail service keeps what came with her request.');
  return headers;
}

function noToken(world: World): Attempt {
  const reason = "the browser sends the bank's cookies to nobody but the bank";
  return outOfReach(world, 'access token', atMail, reason);
}

/** As mail got them, at the bank, with these lines in front. */
function present(
  world: World,
  credentials: readonly HeaderLine[],
  lines: readonly HeaderLine[],
): Promise<Use> {
  const headers = [...lines, ...credentials];
  return sendTwice(world, { method: 'GET', path: '/accounts', headers, body: null });
}

async function useAtBank(world: World, wait: Seconds): Promise<Attempt> {
  const credentials = await keepCredentials(world, '/inbox');
  if (credentials === undefined) return noToken(world);
  await world.wait(wait, 'the thief takes his time');
  world.recorder.say('thief', 'He shows token and proof to the bank.');
  const asTheyWere = await present(world, credentials, [['host', new URL(world.origins.bank).host]]);
  if (asTheyWere.success) return toAttempt(asTheyWere);
  const accessToken = tokenOf({ headers: credentials }) ?? '';
  world.recorder.say('thief', 'He tries the token alone, with the best that he has of his own.');
  const alone = await world.thief.use({ accessToken });
  if (!alone.success) showWhatIsMissing(world, accessToken);
  return toAttempt(alone.success ? alone : asTheyWere);
}

async function useUnderMailsName(world: World, wait: Seconds): Promise<Attempt> {
  const credentials = await keepCredentials(world, '/accounts');
  if (credentials === undefined) return noToken(world);
  await world.wait(wait, 'the thief takes his time');
  const [bank, mail] = [new URL(world.origins.bank).host, new URL(world.origins.mail).host];
  world.recorder.say('thief', `He calls the bank by the name of the mail service: Host: ${mail}.`);
  const asHost = await present(world, credentials, [['host', mail]]);
  if (asHost.success) return toAttempt(asHost);
  world.recorder.say('thief', 'He puts that name into X-Forwarded-Host.');
  const asForwarded = await present(world, credentials, [
    ['host', bank],
    ['x-forwarded-host', mail],
  ]);
  return toAttempt(asForwarded);
}

const inGroup = { group, aim: 'access', timed: true, loot: ['access token', 'proof'] } as const;

export const mailThefts: readonly Theft[] = [
  {
    ...inGroup,
    id: 'T08',
    slug: 'evil-rs',
    title: 'Credentials passed on by another server',
    ability: 'Run a server that Alice sends requests to.',
    steps: [
      'Alice reads her mail; the mail service has turned hostile.',
      'It keeps the Authorization and DPoP headers of her request.',
      'The thief shows both to the bank, and then the token with a proof of his own.',
    ],
    why: 'A token for one server only (aud), or a proof that names the server (htu), is worth nothing at another.',
    run: useAtBank,
  },
  {
    ...inGroup,
    id: 'T45',
    slug: 'evil-rs-host',
    title: "Another server's proof, under its name",
    ability: 'Run a server that Alice sends requests to, and send any header.',
    steps: [
      'Alice asks the hostile mail service for an address that the bank has too.',
      'The thief shows token and proof to the bank, with the name of the mail service as Host.',
      'Then he tries X-Forwarded-Host.',
    ],
    why: 'The address in the proof helps only if the bank knows its own name, and does not take it from the request.',
    run: useUnderMailsName,
  },
];
