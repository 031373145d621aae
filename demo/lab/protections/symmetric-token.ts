import { randomBytes } from 'node:crypto';
import {
  createSymmetricKey,
  createTokenIssuer,
  type JsonObject,
  type ResourceServer,
  type SymmetricKey,
} from 'holdfast';
import type { BankNode } from '../engine/bank.ts';
import type { TokenCall } from '../engine/grants.ts';
import type { World } from '../engine/world.ts';
import type { ProtectionMaker } from '../profile.ts';

/** Tokens under one secret (HS256): what signs them also checks them, so every server that checks them can sign. */

/** Made when the process starts: one to begin with, and one for after a rotation. */
const secrets = [randomBytes(32), randomBytes(32)] as const;
type Version = 0 | 1;

/** For the whole process, since the library warns of each one that is made: once is enough to be heard. */
const keys = new Map<Version, Promise<SymmetricKey>>();

function keyOf(version: Version): Promise<SymmetricKey> {
  const key = keys.get(version) ?? createSymmetricKey(secrets[version], `shared-${version + 1}`);
  keys.set(version, key);
  return key;
}

export const symmetricToken: ProtectionMaker = (world) => {
  const version = createVersion(world);
  const serverOf = createServers(version);
  return {
    secret: () => secrets[version()],
    mint: async (claims, call) => issue(world, await keyOf(version()), claims, call),
    guard: async (call) => call.node.authorizeWith(await serverOf(call.node), call),
  };
};

/** Whoever shares a secret has to change it together: a rotation at the issuer is one everywhere, and at once. */
function createVersion(world: World): () => Version {
  let first: object | undefined;
  return () => {
    first ??= world.issuer.signingKey;
    return world.issuer.signingKey === first ? 0 : 1;
  };
}

/** A guard for each node and secret. */
function createServers(version: () => Version): (node: BankNode) => Promise<ResourceServer> {
  const servers = new WeakMap<BankNode, Map<Version, ResourceServer>>();
  return async (node) => {
    const known = servers.get(node) ?? new Map<Version, ResourceServer>();
    servers.set(node, known);
    const now = version();
    const server = known.get(now) ?? node.createServer({ symmetricKeys: [await keyOf(now)] });
    known.set(now, server);
    return server;
  };
}

async function issue(
  world: World,
  signingKey: SymmetricKey,
  { sub, client_id: clientId, aud, grant_id: _grant, ...claims }: JsonObject,
  { grant, jkt }: TokenCall,
): Promise<string> {
  const tokens = createTokenIssuer({
    issuer: world.origins.issuer,
    signingKey,
    lifetime: world.profile.settings.accessTokenLife,
    mayUseBearer: () => true,
    clock: () => world.clock.now('issuer'),
  });
  const [subject, client, audience] = [sub, clientId, aud].map(String) as [string, string, string];
  const request = { subject, clientId: client, audience, jkt, grant: grant.id, claims };
  return (await tokens.issue(request)).accessToken;
}
