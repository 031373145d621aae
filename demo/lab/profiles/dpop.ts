import { createMemoryReplayStore } from 'holdfast';
import { type DpopSettings, minutes, type Profile, type ProtectionMaker, type Settings } from '../profile.ts';
import { createForgetfulMemory } from '../protections/forgetful-memory.ts';
import { saysFull } from '../protections/full-memory.ts';
import { labMemory } from '../protections/lab-memory.ts';
import { bodyDigest, dateBesideNonce } from '../protections/proof-extras.ts';
import { baseDpop, createProfile, type ProfileText } from './base.ts';

export { dpopChecks } from './dpop-checks.ts';

/** Proof of possession by DPoP (RFC 9449), one check on each rung, so that what each one adds can be seen. */

type Text = Omit<ProfileText, 'group'>;

function rung(
  text: Text,
  dpop: Partial<DpopSettings> = {},
  protections: readonly ProtectionMaker[] = [],
  others: Partial<Settings> = {},
): Profile {
  const settings = { ...others, dpop: { ...baseDpop, ...dpop } };
  return createProfile({ group: 'Proof of possession', ...text }, settings, protections);
}

const noMemory = { createStore: createForgetfulMemory } as const;

const keyAlone = rung(
  {
    id: 'D1',
    slug: 'dpop-key',
    title: 'Proof by the key, and no more',
    story: 'The token names a key, and each request must carry a fresh signature by that key.',
    needs: 'A key at the client, and two signatures to check for each request.',
    weak: 'The proof fits any request and any token of the key, for as long as its window lasts.',
    basedOn: 'M00',
    adds: ['proof', 'proof sig', 'proof alg', 'jkt', 'scheme', 'iat', 'rt jkt'],
    leavesOut: ['htm', 'htu', 'ath', 'jti'],
  },
  { without: ['htm', 'htu', 'ath'], ...noMemory },
);

const keyAndTarget = rung(
  {
    id: 'D2',
    slug: 'dpop-target',
    title: 'Proof for one method and URL',
    story: 'Each proof also names the method and the URL of the one request that it is for.',
    needs: 'A server that knows its own public address, and does not ask the request for it.',
    weak: 'The same request can be sent again, and a proof can be kept for another token.',
    basedOn: 'D1',
    adds: ['htm', 'htu'],
    leavesOut: ['ath', 'jti'],
  },
  { without: ['ath'], ...noMemory },
);

const keyTargetAndToken = rung(
  {
    id: 'D3',
    slug: 'dpop-token-hash',
    title: 'Proof for one token, too',
    story: 'Each proof also carries the hash of the access token that it goes with.',
    needs: 'Nothing more: one SHA-256 at either end.',
    weak: 'The same request can be sent again until its proof is too old.',
    basedOn: 'D2',
    adds: ['ath'],
    leavesOut: ['jti'],
  },
  noMemory,
);

const memoryOfOneNode = rung(
  {
    id: 'D4',
    slug: 'dpop-memory',
    title: 'Proof used once, remembered in the process',
    story: 'Each server remembers the proofs that it has seen, in a table of its own.',
    needs: 'A table in the memory of each process, with an end for each entry.',
    weak: 'The other server does not know, and after a restart, a flood or a wrong clock nor does this one.',
    basedOn: 'D3',
    adds: ['jti'],
  },
  {
    sharedStore: false,
    createStore: labMemory({
      faults: ['time falls', 'evicts in silence', 'restarts in silence', 'admits the late'],
    }),
  },
);

const sharedMemory = rung({
  id: 'D5',
  slug: 'dpop-shared',
  title: 'Proof used once, remembered by all servers',
  story: 'All servers share one memory of used proofs, and it never forgets without saying so.',
  needs: 'A store that all servers reach, with one entry for each request of the last minutes.',
  weak: 'A request that never arrived, a proof signed ahead, and whoever uses the key itself.',
  basedOn: 'D4',
  adds: ['jti', 'floor'],
});

const nonceAndDate = rung(
  {
    id: 'D6',
    slug: 'dpop-nonce-and-date',
    title: 'Nonce beside the date',
    story: "Each proof carries a nonce of the server's that is a minute old at most, and a date that fits.",
    needs: 'One more round trip now and then, to learn the next nonce.',
    weak: 'What is held back or signed ahead still works for that minute.',
    basedOn: 'D5',
    adds: ['nonce', 'iat'],
  },
  { noncePolicy: 'always' },
  [dateBesideNonce],
);

const shortWindow = rung(
  {
    id: 'D7',
    slug: 'dpop-short-window',
    title: 'Fifteen seconds, and refuse when full',
    story: 'Proofs live for fifteen seconds, and a memory that is full turns everybody away.',
    needs: 'Clocks that are right, at the clients too.',
    weak: 'Whoever fills the memory shuts everybody out, Alice among them.',
    basedOn: 'D5',
    adds: ['full'],
  },
  { maxAge: 15, createStore: labMemory({ whenFull: 'refuse' }) },
  [saysFull],
);

const bodyAndCode = rung(
  {
    id: 'D8',
    slug: 'dpop-body',
    title: 'Proof covers the body, code bound to the key',
    story: "The proof also carries a digest of the body, and the code names the client's key.",
    needs: 'A client that signs one more claim, and a server that reads the body before it decides.',
    weak: 'Whoever can let the key sign can also sign another body.',
    basedOn: 'D6',
    adds: ['body', 'rt jkt'],
  },
  { noncePolicy: 'always', boundCode: true },
  [dateBesideNonce, bodyDigest],
);

const nonceAlone = rung(
  {
    id: 'D9',
    slug: 'dpop-nonce',
    title: 'Nonce in the place of the date',
    story: "The age of a proof is that of the nonce in it; the client's own clock does not matter.",
    needs: 'One more round trip now and then, to learn the next nonce.',
    weak: 'What is held back or signed ahead still works for a minute.',
    basedOn: 'D5',
    adds: ['nonce'],
    leavesOut: ['iat'],
  },
  { noncePolicy: 'always' },
);

const quotaPerKey = 100;

function createQuotaMemory(clock: () => number): ReturnType<typeof createMemoryReplayStore> {
  return createMemoryReplayStore({ capacity: 200, quotaPerKey, clock, monotonicClock: () => 0 });
}

const quota = rung(
  {
    id: 'D10',
    slug: 'dpop-quota',
    title: 'Nonce, and a share of the memory for each key',
    story: `No key may use more than ${quotaPerKey} proofs in a minute, so that none can fill the memory alone.`,
    needs: 'One counter for each key that is active.',
    weak: 'Whoever has many keys, each with a token of its own, has many shares.',
    basedOn: 'D9',
    adds: ['nonce', 'quota'],
    leavesOut: ['iat'],
  },
  { noncePolicy: 'always', createStore: createQuotaMemory },
);

const highWater = rung({
  id: 'D11',
  slug: 'dpop-high-water',
  title: 'Time that never runs back',
  story: 'The memory keeps the highest time it was told; the library always does, so this row is D5 again.',
  needs: 'One number beside the entries.',
  weak: 'As D5. A clock that was ahead once has to be waited for.',
  basedOn: 'D5',
  adds: ['iat'],
});

const asShipped = rung(
  {
    id: 'HF',
    slug: 'holdfast',
    title: 'Holdfast with its defaults',
    story:
      'What the library does unless told otherwise: every check, and a nonce where the date is not enough.',
    needs: 'A key at the client, and one memory of used proofs that all servers share.',
    weak: 'A held request and proofs signed ahead work for a minute or as long as the token; so does live script.',
    basedOn: 'D5',
    adds: ['nonce', 'rt jkt', 'pkce', 'hash'],
  },
  { maxAge: 60, futureSkew: 10, nonceLife: 60, boundCode: true },
  [],
  { accessTokenLife: minutes(5), pkce: true, stored: 'hashed' },
);

export const dpopProfiles: readonly Profile[] = [
  keyAlone,
  keyAndTarget,
  keyTargetAndToken,
  memoryOfOneNode,
  sharedMemory,
  nonceAndDate,
  shortWindow,
  bodyAndCode,
  nonceAlone,
  quota,
  highWater,
  asShipped,
];
