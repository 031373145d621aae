import type { DpopKeyPair } from 'holdfast/client';
import type { BenchAnswer, BenchRequest, HeaderLine, LabEvent } from '../model.ts';
import type { Profile } from '../profile.ts';
import type { Network } from './network.ts';
import { openWorld, type World } from './world.ts';

/** The proof bench: a valid request of Alice's, changed as asked, signed by whoever is asked, and really sent. */

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (segment: string | undefined): Record<string, unknown> =>
  JSON.parse(Buffer.from(segment ?? '', 'base64url').toString()) as Record<string, unknown>;

export async function askBench(
  profile: Profile,
  request: BenchRequest,
  network: Network,
): Promise<BenchAnswer> {
  const world = await openWorld({
    profile,
    seat: 'elsewhere',
    network,
    time: 'world',
    keepEvents: true,
    without: [],
  });
  await world.alice.call('/accounts'); // so that she knows a nonce, where there is one
  const original = await world.alice.prepare(request.target, { method: request.method });
  const valid = headerOf(original.headers, 'dpop') ?? '';
  const proof = request.pasted ?? (await forge(world, valid, request));
  const lines = Array.from({ length: request.copies }, (): HeaderLine => ['DPoP', proof]);
  const headers = [...original.headers.filter(([name]) => name.toLowerCase() !== 'dpop'), ...lines];
  if (request.wait > 0) await world.wait(request.wait, 'before the request is sent');
  const { status } = await world.thief.send('bank-a', {
    method: request.method,
    path: request.target,
    headers,
    body: null,
  });
  if (world.faults[0] !== undefined) throw world.faults[0]; // a server that broke has refused nothing
  return answerOf(world, proof, status);
}

/** The valid proof with other members in its header and claims, and a signature by whom was asked. */
async function forge(world: World, valid: string, request: BenchRequest): Promise<string> {
  const [header, claims, signature = ''] = valid.split('.');
  const now = world.clock.now('alice');
  const changedHeader = change(decode(header), request.header, now);
  const changedClaims = change(decode(claims), request.claims, now);
  const isUntouched = Object.keys(request.header).length + Object.keys(request.claims).length === 0;
  const text = isUntouched ? `${header}.${claims}` : `${encode(changedHeader)}.${encode(changedClaims)}`;
  if (request.signWith === 'keep') return `${text}.${signature}`;
  if (request.signWith === 'none') return `${text}.`;
  return `${text}.${await sign(world, text, request.signWith, changedHeader['alg'])}`;
}

function change(
  original: Record<string, unknown>,
  changes: Readonly<Record<string, unknown>>,
  now: number,
): Record<string, unknown> {
  const changed = { ...original };
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete changed[name];
    else changed[name] = isOffset(value) ? Math.floor(now) + value.offset : value;
  }
  return changed;
}

function isOffset(value: unknown): value is { readonly offset: number } {
  return (
    typeof value === 'object' && value !== null && typeof (value as { offset?: unknown }).offset === 'number'
  );
}

/** HS256 with the public key as the secret is what a confused verifier would accept. */
async function sign(world: World, text: string, signer: 'alice' | 'thief', alg: unknown): Promise<string> {
  const { privateKey, publicJwk } =
    signer === 'alice' ? (world.alice.keyPair as DpopKeyPair) : await world.thief.key();
  const bytes = new TextEncoder().encode(text);
  if (typeof alg === 'string' && alg.startsWith('HS')) {
    const secret = await crypto.subtle.importKey(
      'raw',
      new TextEncoder().encode(JSON.stringify(publicJwk)),
      { name: 'HMAC', hash: 'SHA-256' },
      false,
      ['sign'],
    );
    return Buffer.from(await crypto.subtle.sign('HMAC', secret, bytes)).toString('base64url');
  }
  return Buffer.from(
    await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, bytes),
  ).toString('base64url');
}

function headerOf(headers: readonly HeaderLine[], name: string): string | undefined {
  return headers.find(([key]) => key.toLowerCase() === name)?.[1];
}

function answerOf(world: World, proof: string, status: number): BenchAnswer {
  const events = world.recorder.events;
  const sent = events.findLast(
    (event): event is Extract<LabEvent, { type: 'request' }> =>
      event.type === 'request' && event.from === 'thief',
  );
  const answer = events.findLast(
    (event): event is Extract<LabEvent, { type: 'response' }> =>
      event.type === 'response' && event.id === sent?.id,
  );
  const [header, claims] = proof.split('.');
  return {
    proof,
    header: readable(header),
    claims: readable(claims),
    request: { method: sent?.method ?? '', url: sent?.url ?? '', headers: sent?.headers ?? [] },
    status,
    headers: answer?.headers ?? [],
    body: answer?.body ?? '',
    verdict: status < 400 ? 'accepted' : 'refused',
    decidedBy: answer?.decidedBy ?? null,
    checks: answer?.checks ?? [],
  };
}

function readable(segment: string | undefined): unknown {
  try {
    return decode(segment);
  } catch {
    return null;
  }
}
