import { createClient, pick, repeat, type SignedRequest, signRequest, type World } from './world.ts';

/** What is asked of the contestants. */
export interface Scenario {
  readonly name: string;
  /** How many requests are under way at once. */
  readonly concurrency: number;
  /** New requests for one round. */
  readonly make: (count: number) => Promise<readonly SignedRequest[]>;
  /** Whether each request was authorized once before the measuring begins. */
  readonly captured?: boolean;
}

export function createScenarios({ issuer, regulars }: World): readonly Scenario[] {
  const warm = (count: number): Promise<SignedRequest[]> =>
    repeat(count, (index) => signRequest(pick(regulars, index)));
  const cold = (count: number): Promise<SignedRequest[]> =>
    repeat(count, async () => signRequest(await createClient(issuer)));
  const malformed = async (count: number): Promise<SignedRequest[]> =>
    (await warm(count)).map((request) => ({ ...request, proof: `${request.proof}=` }));
  const stolen = (count: number): Promise<SignedRequest[]> =>
    repeat(count, async (index) => signRequest(await createClient(issuer), { token: pick(regulars, index).token }));
  return [
    { name: 'warm', concurrency: 1, make: warm },
    { name: 'warm', concurrency: 16, make: warm },
    { name: 'cold', concurrency: 1, make: cold },
    { name: 'cold', concurrency: 16, make: cold },
    { name: 'malformed proof', concurrency: 1, make: malformed },
    { name: 'stolen token, new key', concurrency: 1, make: stolen },
    { name: 'replay', concurrency: 1, make: warm, captured: true },
  ];
}
