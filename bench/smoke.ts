import type { Contestant } from './contestants.ts';
import { origin, path, pick, type SignedRequest, signRequest, type World } from './world.ts';

/** Before anything is timed: who accepts what. Speed that comes from a check left out is seen here. */

interface Probe {
  readonly name: string;
  /** What every contestant must answer; `undefined`: shown, and left to it. */
  readonly must: 'accepts' | 'refuses' | undefined;
  readonly make: (world: World) => Promise<SignedRequest>;
  /** Sent twice: the second answer counts. */
  readonly twice?: boolean;
}

const minutes = 60;

const probes: readonly Probe[] = [
  { name: 'valid', must: 'accepts', make: (world) => sign(world, {}) },
  {
    name: 'signature changed',
    must: 'refuses',
    make: (world) => respell(world, withOtherSignature),
  },
  {
    name: 'token changed',
    must: 'refuses',
    make: async (world) => {
      const token = withOtherSignature(pick(world.regulars, 0).token);
      return sign(world, { token });
    },
  },
  {
    name: 'stolen token, other key',
    must: 'refuses',
    make: (world) => sign(world, { token: pick(world.regulars, 1).token }),
  },
  { name: 'for another path', must: 'refuses', make: (world) => sign(world, { url: `${origin}/admin` }) },
  {
    name: 'proof malformed',
    must: 'refuses',
    make: (world) => respell(world, (proof) => proof.replace('.', ' ')),
  },
  { name: 'proof padded', must: undefined, make: (world) => respell(world, (proof) => `${proof}=`) },
  { name: 'replayed', must: undefined, make: (world) => sign(world, {}), twice: true },
  {
    name: 'four minutes old',
    must: undefined,
    make: (world) => sign(world, { now: Date.now() / 1000 - 4 * minutes }),
  },
  { name: 'method in another case', must: undefined, make: (world) => sign(world, { method: 'get' }) },
  {
    name: 'for the host that Host claims',
    must: undefined,
    make: (world) => sign(world, { url: `https://evil.example${path}`, host: 'evil.example' }),
  },
];

/** Rows for the report. @throws Error when a contestant is not fit to be compared. */
export async function probeAll(
  world: World,
  contestants: readonly Contestant[],
): Promise<readonly string[][]> {
  const rows: string[][] = [];
  for (const probe of probes) {
    const answers: string[] = [];
    for (const contestant of contestants) answers.push(await answerOf(contestant, probe, world));
    rows.push([probe.name, ...answers]);
  }
  return [...rows, ['leaves out', ...contestants.map(({ leavesOut }) => leavesOut)]];
}

async function answerOf({ name, prepare }: Contestant, probe: Probe, world: World): Promise<string> {
  const request = await probe.make(world);
  if (probe.twice) await prepare(request)();
  const answer = await accepts(prepare, request);
  if (probe.must !== undefined && answer !== probe.must) throw new Error(`${name} ${answer}: ${probe.name}`);
  return answer;
}

async function accepts(
  prepare: Contestant['prepare'],
  request: SignedRequest,
): Promise<'accepts' | 'refuses'> {
  try {
    return (await prepare(request)()) === false ? 'refuses' : 'accepts';
  } catch {
    return 'refuses';
  }
}

function sign({ regulars }: World, changes: Parameters<typeof signRequest>[1]): Promise<SignedRequest> {
  return signRequest(pick(regulars, 0), changes);
}

async function respell(world: World, change: (proof: string) => string): Promise<SignedRequest> {
  const request = await sign(world, {});
  return { ...request, proof: change(request.proof) };
}

/** One character in the middle of the last segment. */
function withOtherSignature(jws: string): string {
  const index = jws.length - 40;
  return jws.slice(0, index) + (jws[index] === 'A' ? 'B' : 'A') + jws.slice(index + 1);
}
