import { createClient, pick, repeat, type SignedRequest, signRequest, type World } from './world.ts';

/** What is asked of the contestants. */
export interface Scenario {
  readonly name: string;
  /** How many requests are under way at once. */
  readonly concurrency: number;
  /** Whether every contestant must accept; else it may do as it does, but always the same. */
  readonly honest: boolean;
  /** Whether each request has been authorized once before it is measured. */
  readonly captured: boolean;
  /** New requests for one round. */
  readonly make: RequestMaker;
  /** New valid requests for the raw verifications of the same round. */
  readonly makeValid: RequestMaker;
}

type RequestMaker = (count: number) => Promise<readonly SignedRequest[]>;

export function createScenarios({ issuer, regulars }: World): readonly Scenario[] {
  const warm: RequestMaker = (count) => repeat(count, (index) => signRequest(pick(regulars, index)));
  const cold: RequestMaker = (count) => repeat(count, async () => signRequest(await createClient(issuer)));
  const malformed: RequestMaker = async (count) =>
    (await warm(count)).map((request) => ({ ...request, proof: request.proof.replace('.', ' ') }));
  const stolen: RequestMaker = (count) =>
    repeat(count, async (index) =>
      signRequest(await createClient(issuer), { token: pick(regulars, index).token }),
    );
  const honest = { honest: true, captured: false, makeValid: warm };
  const hostile = { ...honest, honest: false, concurrency: 1 };
  return [
    { ...honest, name: 'warm', concurrency: 1, make: warm },
    { ...honest, name: 'warm', concurrency: 16, make: warm },
    { ...honest, name: 'cold', concurrency: 1, make: cold },
    { ...honest, name: 'cold', concurrency: 16, make: cold },
    { ...hostile, name: 'malformed proof', make: malformed },
    { ...hostile, name: 'stolen token, other key', make: stolen },
    { ...hostile, name: 'replay', make: warm, captured: true },
  ];
}
