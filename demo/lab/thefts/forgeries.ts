import {
  decodeProtectedHeader,
  exportSPKI,
  importJWK,
  type JWK,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose';
import { randomText } from '../engine/grants.ts';
import type { World } from '../engine/world.ts';
import { readAccessLog } from './observation.ts';

/** Access tokens that nobody issued: for Alice as an administrator, and bound to the thief's own key. */

export interface Forgery {
  /** For captions: `signed with the thief's own key`. */
  readonly how: string;
  readonly token: string;
}

/** What anybody may fetch from the issuer. */
export async function publishedKey(world: World): Promise<JWK> {
  const { host } = new URL(world.origins.issuer);
  const message = { method: 'GET', path: '/jwks', headers: [['host', host] as const], body: null };
  const { body } = await world.thief.send('issuer', message);
  const { keys } = JSON.parse(body) as { keys: readonly JWK[] };
  return keys[0] ?? {};
}

/** As a token of the issuer's would say it at this moment. */
export async function claimsForAlice(world: World): Promise<JWTPayload> {
  const { origins, profile, clock } = world;
  const iat = Math.floor(clock.now('thief'));
  return {
    iss: origins.issuer,
    aud: profile.settings.audience === 'shared' ? 'everybody' : origins.bank,
    sub: 'alice',
    client_id: 'bank-app',
    role: 'admin',
    grant_id: randomText(),
    jti: randomText(),
    iat,
    exp: iat + 300,
    ...(await bindingOf(world)),
    // He who signs writes whatever a mitigation wants to read: his own address, the hash of a cookie of his own.
    ...Object.assign({}, ...world.protections.map(({ forge }) => forge?.())),
  };
}

async function bindingOf({ profile, thief, network }: World): Promise<JWTPayload> {
  const { dpop, mtls } = profile.settings;
  if (dpop !== undefined) return { cnf: { jkt: (await thief.key()).jkt } };
  return mtls ? { cnf: { 'x5t#S256': network.certificates.thief.thumbprint } } : {};
}

/** The `kid` in the token of Alice's last request; of the published key, where that token cannot be read. */
function kidOf(world: World, published: JWK): string {
  const { accessToken = '' } = readAccessLog(world);
  try {
    return decodeProtectedHeader(accessToken).kid ?? published.kid ?? '';
  } catch {
    return published.kid ?? '';
  }
}

/** All that can be made of what a resource server has to check tokens with. */
export async function forgeWithConfiguration(world: World): Promise<readonly Forgery[]> {
  const published = await publishedKey(world);
  const secret = world.protections.find((each) => each.secret !== undefined)?.secret?.();
  const kid = kidOf(world, published);
  const claims = await claimsForAlice(world);
  const { privateKey } = await world.thief.key();
  return [
    secret === undefined
      ? {
          how: 'signed with the public key as if it were a secret',
          token: await signHs256(claims, kid, await toBytes(published)),
        }
      : { how: "signed with the server's secret", token: await signHs256(claims, kid, secret) },
    { how: 'not signed at all', token: new UnsecuredJWT(claims).encode() },
    { how: "signed with the thief's own key", token: await signEs256(claims, kid, privateKey) },
  ];
}

export function signHs256(claims: JWTPayload, kid: string, secret: Uint8Array): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ typ: 'at+jwt', alg: 'HS256', kid }).sign(secret);
}

export function signEs256(claims: JWTPayload, kid: string, key: CryptoKey): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ typ: 'at+jwt', alg: 'ES256', kid }).sign(key);
}

/** PEM, which is what servers mostly keep a public key in. */
async function toBytes(published: JWK): Promise<Uint8Array> {
  const key = await importJWK(published, 'ES256', { extractable: true });
  return new TextEncoder().encode(await exportSPKI(key as CryptoKey));
}
