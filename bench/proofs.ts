import { createHash } from 'node:crypto';
import { generateProof } from 'dpop';
import { createProof, type ProofInput } from 'holdfast/client';
import { EmbeddedJWK, jwtVerify } from 'jose';
import type { Task } from './contestants.ts';
import { inTurn, measureTasks, type Plan, type Sample } from './rounds.ts';
import { type Client, origin, path, pick, repeat, type World } from './world.ts';

/** What a client pays for signing: a proof of ours, one of the `dpop` package's, and the bare signature as the measure. */

export const ourProof = 'holdfast createProof';
export const rawSignature = 'WebCrypto sign';

/** A request to sign for, and the bytes of a proof for it. */
interface Order {
  readonly client: Client;
  readonly input: ProofInput & { readonly url: string; readonly accessToken: string; readonly nonce: string };
  readonly signed: Uint8Array<ArrayBuffer>;
}

interface Signer {
  readonly name: string;
  readonly prepare: (order: Order) => () => Promise<unknown>;
}

const es256 = { name: 'ECDSA', hash: 'SHA-256' };

/** All with the client's own key, and for the same request: token, nonce and all. */
const signers: readonly Signer[] = [
  {
    name: ourProof,
    prepare:
      ({ client, input }) =>
      () =>
        createProof(client.keyPair, input),
  },
  {
    name: 'dpop generateProof',
    prepare: ({ client, input: { method, url, nonce, accessToken } }) => {
      const keyPair = { privateKey: client.keyPair.privateKey, publicKey: client.cryptoKey };
      return () => generateProof(keyPair, url, method, nonce, accessToken);
    },
  },
  {
    name: rawSignature,
    prepare: ({ client, signed }) => {
      const { privateKey } = client.keyPair;
      return () => crypto.subtle.sign(es256, privateKey, signed);
    },
  },
];

/** So many at once, and the samples of each signer: one for each round. */
export interface ProofRace {
  readonly concurrency: number;
  readonly samples: Map<string, Sample[]>;
}

export const signerNames: readonly string[] = signers.map(({ name }) => name);

/** @throws Error when somebody's proof is not what it has to be: its price would be that of something else. */
export async function runProofRounds(world: World, plan: Plan): Promise<readonly ProofRace[]> {
  for (const signer of signers.filter(({ name }) => name !== rawSignature)) await requireProof(signer, world);
  const races = [1, 16].map((concurrency): ProofRace => ({ concurrency, samples: new Map() }));
  for (let round = -plan.warmUp; round < plan.rounds; round++) {
    for (const race of inTurn(races, round + plan.warmUp)) await runRace(race, world, plan, round);
  }
  return races;
}

async function runRace({ concurrency, samples }: ProofRace, world: World, plan: Plan, round: number) {
  const orders = await repeat(plan.requests, (index) => order(world, index));
  for (const { name, prepare } of inTurn(signers, round + plan.warmUp)) {
    const tasks: readonly Task[] = orders.map(prepare);
    const { cpu, wall } = await measureTasks(tasks, concurrency);
    if (round >= 0) samples.set(name, [...(samples.get(name) ?? []), { cpu, wall, answer: 'accepts' }]);
  }
}

/** Clients come back, each with its token; no two requests are for the same URL. */
async function order({ regulars }: World, index: number): Promise<Order> {
  const client = pick(regulars, index);
  const input = {
    method: 'GET',
    url: `${origin}${path}/${index}`,
    accessToken: client.token,
    nonce: 'a-nonce-as-long-as-ours-are-in-use',
  };
  const proof = await createProof(client.keyPair, input);
  return { client, input, signed: new TextEncoder().encode(proof.slice(0, proof.lastIndexOf('.'))) };
}

async function requireProof({ name, prepare }: Signer, world: World): Promise<void> {
  const { client, input } = await order(world, 0);
  const proof = String(await prepare({ client, input, signed: new Uint8Array() })());
  const { payload } = await jwtVerify(proof, EmbeddedJWK, {
    typ: 'dpop+jwt',
    requiredClaims: ['jti', 'iat'],
  });
  const ath = createHash('sha256').update(input.accessToken).digest('base64url');
  const expected = { htm: input.method, htu: input.url, ath, nonce: input.nonce };
  for (const [claim, value] of Object.entries(expected)) {
    if (payload[claim] !== value) throw new Error(`${name} signs another ${claim}`);
  }
}
