import type { AccessTokenClaims, JsonObject } from 'holdfast';
import { createLocalJWKSet, decodeProtectedHeader, errors, jwtVerify, SignJWT } from 'jose';
import type { BankCall } from '../engine/bank-call.ts';
import { randomText, type TokenCall } from '../engine/grants.ts';
import { refuse } from '../engine/refusal.ts';
import type { World } from '../engine/world.ts';
import type { CheckId, Seconds } from '../model.ts';
import type { ProtectionMaker } from '../profile.ts';

/** Lives that the library refuses to give: a token for days, and one without end. Signed here, with the issuer's key. */

/** As long as the profile says, however long that is. */
export const longToken: ProtectionMaker = (world) => ({
  mint: (claims, call) => sign(world, claims, call, world.profile.settings.accessTokenLife),
});

/** No `exp`, and a check that does not miss it: most JWT libraries only look at the one that is there. */
export const endlessToken: ProtectionMaker = (world) => ({
  mint: (claims, call) => sign(world, claims, call, undefined),
  issued: (_call, answer) => {
    delete answer['expires_in'];
  },
  guard: async (call) => {
    call.claims = await verify(world, call);
  },
});

export async function sign(
  world: World,
  claims: JsonObject,
  { jkt }: TokenCall,
  life: Seconds | undefined,
): Promise<string> {
  const { kid, algorithm, privateKey } = world.issuer.signingKey;
  const iat = Math.floor(world.clock.now('issuer'));
  const own = {
    ...claims,
    iss: world.origins.issuer,
    jti: randomText(),
    iat,
    ...(life === undefined ? {} : { exp: iat + life }),
    ...(jkt === undefined ? {} : { cnf: { jkt } }),
  };
  return new SignJWT(own).setProtectedHeader({ typ: 'at+jwt', alg: algorithm, kid }).sign(privateKey);
}

export async function verify(world: World, call: BankCall): Promise<AccessTokenClaims> {
  const { node } = call;
  const token = readBearer(call);
  const now = world.clock.now(node.id);
  try {
    await node.keys.prepare(decodeProtectedHeader(token).kid, now);
    const { payload } = await jwtVerify<AccessTokenClaims>(token, createLocalJWKSet(node.keys.current()), {
      issuer: world.origins.issuer,
      audience: world.profile.settings.audience === 'shared' ? 'everybody' : node.origin,
      algorithms: ['ES256'],
      typ: 'at+jwt',
      currentDate: new Date(now * 1000),
    });
    return payload;
  } catch (error) {
    return refuse(checkOf(error));
  }
}

/** The token of an `Authorization` header, whatever its scheme is called. */
export function readBearer(call: BankCall): string {
  const token = call.header('authorization')?.split(' ')[1];
  return token === undefined || token === '' ? refuse('no token', 401, {}) : token;
}

function checkOf(error: unknown): CheckId {
  if (error instanceof errors.JWTExpired) return 'exp';
  if (error instanceof errors.JWTClaimValidationFailed) return error.claim === 'aud' ? 'aud' : 'sig';
  if (error instanceof errors.JWKSNoMatchingKey) return 'kid';
  return error instanceof errors.JOSEAlgNotAllowed ? 'alg' : 'sig';
}
