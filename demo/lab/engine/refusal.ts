import type { CheckId } from '../model.ts';

/** A request that a mitigation refuses: which check, and what it answers. */
export class Refusal extends Error {
  override readonly name: string = 'Refusal';
  readonly check: CheckId;
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;

  constructor(check: CheckId, status: number, body: Readonly<Record<string, unknown>>) {
    super(check);
    this.check = check;
    this.status = status;
    this.body = body;
  }
}

/** Refuses a request at a bank node (401 unless told otherwise). */
export function refuse(
  check: CheckId,
  status: number = 401,
  body: Readonly<Record<string, unknown>> = { error: 'invalid_token' },
): never {
  throw new Refusal(check, status, body);
}

/** Refuses a token request. */
export function refuseGrant(check: CheckId): never {
  throw new Refusal(check, 400, { error: 'invalid_grant' });
}
