import { readdir, readFile } from 'node:fs/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as koa from '../src/adapters/koa.ts';
import * as client from '../src/client/index.ts';
import * as clientNode from '../src/client/node.ts';
import * as clientSession from '../src/client/session.ts';
import * as holdfast from '../src/index.ts';
import * as redis from '../src/redis.ts';
import * as testing from '../src/testing/index.ts';

/** The architecture, read from the imports of src: layers, strangers, entry points and sizes. */

const test = suite('shape');

// From .build/test to the sources themselves: the compiled modules have lost their types.
const folder = new URL('../../src/', import.meta.url);

/** Rooms by layer. Modules of one room may know each other; on one layer, other rooms are strangers. */
const layers: readonly (readonly (readonly string[])[])[] = [
  [['errors']],
  [
    [
      'digest',
      'node-crypto',
      'thumbprint',
      'weak-keys',
      'htu',
      'jws',
      'jwk',
      'freshness',
      'options',
      'secure-url',
      'signature',
      'token-claims',
      'symmetric-key',
      'circuit-breaker',
      'one-process',
    ],
  ],
  [
    ['received-proof', 'proof-checks', 'proof'],
    ['access-token', 'trusted-issuers', 'issuer-keys', 'issuer-metadata', 'introspection', 'fetch-json'],
    ['token-issuer'],
    ['nonce'],
    [
      'replay',
      'replay-memory',
      'replay-redis',
      'replay-script',
      'revocation',
      'revocation-entry',
      'revocation-memory',
      'revocation-redis',
      'revocation-script',
      'redis-script',
    ],
    ['records', 'records-memory', 'sound-records'],
    ['challenge'],
    ['decisions'],
    ['credentials', 'target-uri'],
  ],
  [['admission', 'resource-server', 'authorization-server', 'grant-records', 'grants']],
  [['adapters/koa']],
];
const entries = ['index', 'client/index', 'client/node', 'testing/index', 'redis'];
const dependencies = ['jose', 'lru-cache'];
const maxLines = 400;

interface Import {
  /** Path of a module of ours below src, without extension; or the name of a package. */
  readonly from: string;
  readonly ours: boolean;
  /** Gone at run time: the whole statement is `import type` or `export type`. */
  readonly typeOnly: boolean;
}

interface Module {
  readonly name: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

const statement = /^(?:import|export)\s+(type\s)?(?:[^;'"]*?\sfrom\s+)?['"]([^'"]+)['"];/gm;

function readImports(name: string, text: string): Import[] {
  return [...text.matchAll(statement)].map(([, type, from = '']) => {
    const ours = from.startsWith('.');
    const path = ours ? new URL(from, `file:///${name}.ts`).pathname.slice(1).replace(/\.ts$/, '') : from;
    return { from: path, ours, typeOnly: type !== undefined };
  });
}

async function readModules(): Promise<ReadonlyMap<string, Module>> {
  const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith('.ts'));
  const modules = files.map(async (file) => {
    const name = file.replaceAll('\\', '/').replace(/\.ts$/, '');
    const text = await readFile(new URL(file, folder), 'utf8');
    return [name, { name, text, imports: readImports(name, text) }] as const;
  });
  return new Map(await Promise.all(modules));
}

const modules = await readModules();

/** Everything but comments: rules are about code. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
}

function layerOf(name: string): number {
  return layers.findIndex((rooms) => rooms.some((room) => room.includes(name)));
}

function roomOf(name: string): readonly string[] | undefined {
  return layers.flat().find((room) => room.includes(name));
}

/** `from -> to` for each import that breaks a rule. */
function violations(breaks: (module: Module, imported: Import) => boolean): string[] {
  return [...modules.values()].flatMap((module) =>
    module.imports.filter((each) => breaks(module, each)).map(({ from }) => `${module.name} -> ${from}`),
  );
}

test('reads what it is about', () => {
  const names =
    modules
      .get('resource-server')
      ?.imports.filter(({ ours }) => ours)
      .map(({ from }) => from) ?? [];
  for (const name of ['access-token', 'admission', 'challenge', 'target-uri', 'proof'])
    assert.ok(names.includes(name), name);
  assert.ok(modules.get('resource-server')?.imports.find(({ from }) => from === 'proof')?.typeOnly);
  assert.ok(modules.get('client/keys')?.imports.some(({ from }) => from === 'thumbprint'));
  assert.ok(modules.get('access-token')?.imports.some(({ from, ours }) => from === 'jose' && !ours));
});

test('every module has its place in the layers, in client, testing or cli, or is an entry', () => {
  const placed = (name: string): boolean =>
    layerOf(name) >= 0 || /^(?:client|testing|cli)\//.test(name) || entries.includes(name);
  assert.equal(
    [...modules.keys()].filter((name) => !placed(name)),
    [],
  );
  assert.equal(
    layers.flat(2).filter((name) => !modules.has(name)),
    [],
    'rooms without a module',
  );
});

test('imports point one way: never to a higher layer, types included', () => {
  const points = violations(
    ({ name }, { from, ours }) => ours && layerOf(name) >= 0 && layerOf(from) > layerOf(name),
  );
  assert.equal(points, []);
});

test('server modules import neither the client, nor the test kit, nor an entry', () => {
  const breaks = ({ name }: Module, { from }: Import): boolean =>
    layerOf(name) >= 0 && (/^(?:cli|client|testing)\//.test(from) || entries.includes(from));
  assert.equal(violations(breaks), []);
});

test('rooms of the second layer are strangers: they share types at most', () => {
  const breaks = ({ name }: Module, { from, ours, typeOnly }: Import): boolean =>
    ours && !typeOnly && layerOf(name) === 2 && layerOf(from) === 2 && roomOf(name) !== roomOf(from);
  assert.equal(violations(breaks), []);
});

test('adapters see neither proofs nor nonces nor the replay memory', () => {
  const rooms = ['access-token', 'replay', 'records'].flatMap((name) => roomOf(name) ?? []);
  const hidden = ['proof', 'proof-checks', 'nonce', 'admission', 'grants', ...rooms];
  assert.equal(
    violations(({ name }, { from }) => name.startsWith('adapters/') && hidden.includes(from)),
    [],
  );
});

/** The command line is a program on top: it may use Node and every dependency, and nothing stands on it. */
function isProgram(name: string): boolean {
  return name.startsWith('cli/');
}

test('the command line stands on the entries and the two lowest layers, and nothing stands on it', () => {
  const below = ({ from, ours }: Import): boolean =>
    !ours || isProgram(from) || entries.includes(from) || [0, 1].includes(layerOf(from));
  const breaks = ({ name }: Module, imported: Import): boolean =>
    isProgram(name) ? !below(imported) : isProgram(imported.from);
  assert.equal(violations(breaks), []);
});

/** The session is the one part of the client that stands on a package: OAuth itself is not ours to write again. */
function isSession(name: string): boolean {
  return name.startsWith('client/session');
}

test('only the second layer uses packages, and only the two there are; session and command line have their own', () => {
  const breaks = ({ name }: Module, { from, ours }: Import): boolean =>
    !ours &&
    !(layerOf(name) === 2 && dependencies.includes(from)) &&
    !(isSession(name) && from === 'oauth4webapi') &&
    !(isProgram(name) && (from === 'jose' || from.startsWith('node:')));
  assert.equal(violations(breaks), []);
});

test('the client stands on the two lowest layers, without packages', () => {
  const breaks = ({ name }: Module, { from, ours }: Import): boolean => {
    const below = ours && (from.startsWith('client/') || [0, 1].includes(layerOf(from)));
    const toSession = isSession(from) && !isSession(name);
    return (
      name.startsWith('client/') && (toSession || !(below || (isSession(name) && from === 'oauth4webapi')))
    );
  };
  assert.equal(violations(breaks), []);
});

test('the test kit stands on the published side, without packages, and nothing stands on it', () => {
  const below = ({ from, ours }: Import): boolean =>
    ours && (/^(?:client|testing)\//.test(from) || (layerOf(from) >= 0 && layerOf(from) <= 3));
  const breaks = ({ name }: Module, imported: Import): boolean =>
    name.startsWith('testing/') ? !below(imported) : imported.from.startsWith('testing/');
  assert.equal(violations(breaks), []);
});

/** Modules reachable at run time. */
function reach(name: string, seen: Set<string> = new Set()): Set<string> {
  for (const { from, ours, typeOnly } of modules.get(name)?.imports ?? []) {
    if (!ours || typeOnly || seen.has(from)) continue;
    seen.add(from);
    reach(from, seen);
  }
  return seen;
}

test('no module imports itself at run time, by whatever way', () => {
  assert.equal(
    [...modules.keys()].filter((name) => reach(name).has(name)),
    [],
  );
});

test('the core does without what only a shared store needs', () => {
  const shared = [
    'redis',
    'redis-script',
    'replay-redis',
    'replay-script',
    'revocation-redis',
    'revocation-script',
  ];
  assert.equal(
    [...reach('index')].filter((name) => shared.includes(name)),
    [],
  );
  for (const name of ['replay-memory', 'revocation-memory', 'records-memory'])
    assert.ok(reach('index').has(name), name);
  for (const name of shared.slice(1)) assert.ok(reach('redis').has(name), name);
});

test('the stores for Redis have no client of their own', () => {
  const packages = ['redis', ...reach('redis')].flatMap((name) =>
    (modules.get(name)?.imports ?? []).filter(({ ours }) => !ours).map(({ from }) => from),
  );
  assert.equal(packages, []);
});

test('what the client bundles does without packages and without Node', () => {
  const bundled = [...reach('client/index')].flatMap((name) => modules.get(name) ?? []);
  const foreign = bundled.flatMap(({ imports }) =>
    imports.filter(({ ours }) => !ours).map(({ from }) => from),
  );
  assert.equal(foreign, []);
  assert.ok(bundled.length > 5);
});

test('Node is asked for at run time and never imported', () => {
  for (const { name, text, imports } of [...modules.values()].filter((module) => !isProgram(module.name))) {
    assert.not.ok(
      imports.some(({ from }) => from.startsWith('node:')),
      name,
    );
    // A type may say typeof import(...), which is gone at run time; nothing else may import so.
    assert.not.match(withoutComments(text).replaceAll('typeof import(', ''), /\bimport\s*\(|\brequire\s*\(/);
  }
});

test('an import statement that keeps nothing at run time says so as a whole', () => {
  // `import { type A }` stays behind as an import for side effects.
  const keepsNothing = /^(?:import|export) \{(?:\s*type [\w$]+(?: as [\w$]+)?,?)+\s*\} from/m;
  assert.equal(
    [...modules.values()].filter(({ text }) => keepsNothing.test(text)).map(({ name }) => name),
    [],
  );
});

test('entries hold nothing but exports of others', () => {
  for (const name of entries) {
    const rest = withoutComments(modules.get(name)?.text ?? '').replace(
      /^export (?:type )?\{[^}]*\} from '[^']+';$/gm,
      '',
    );
    assert.is(rest.trim(), '', name);
  }
});

test('nothing is exported by default, and no room is a lumber room', () => {
  for (const { name, text } of modules.values()) {
    assert.not.match(withoutComments(text), /^export default\b|\bas default\b/m, name);
    assert.not.match(name, /(?:^|\/)(?:utils?|helpers?|common|types|constants|misc)$/);
  }
});

test(`no file has more than ${maxLines} lines`, () => {
  const long = [...modules.values()].map(({ name, text }) => ({ name, lines: text.split('\n').length - 1 }));
  assert.equal(
    long.filter(({ lines }) => lines > maxLines),
    [],
  );
});

/** Names of the types that a module exports, in alphabetical order. */
function exportedTypes(name: string): string[] {
  const text = withoutComments(modules.get(name)?.text ?? '');
  const lists = [...text.matchAll(/^export (type )?\{([^}]*)\}/gm)].flatMap(([, whole, list = '']) =>
    list.split(',').filter((each) => whole !== undefined || each.trim().startsWith('type ')),
  );
  const declared = [...text.matchAll(/^export (?:interface|type) (\w+)/gm)].map(([, type = '']) => type);
  const names = [...lists.map((each) => each.replace('type ', '').trim()), ...declared];
  return names.filter((each) => each !== '').sort((one, other) => (one < other ? -1 : 1));
}

test('holdfast exports these names', () => {
  assert.equal(Object.keys(holdfast), [
    'DpopError',
    'createDecisionCounts',
    'createGrants',
    'createMemoryRecordStore',
    'createMemoryReplayStore',
    'createMemoryRevocationStore',
    'createNonces',
    'createResourceServer',
    'createRevocations',
    'createSigningKey',
    'createSymmetricKey',
    'createTokenBinder',
    'createTokenIssuer',
    'dpopErrorReasons',
    'exchangeRule',
    'explainProof',
    'jwkThumbprint',
    'normalizeHtu',
    'replayKey',
    'verifyProof',
  ]);
  assert.equal(exportedTypes('index'), [
    'AccessTokenClaims',
    'Authorization',
    'BindingMode',
    'BindingRule',
    'BoundAuthorization',
    'CheckVerdict',
    'Claim',
    'ClaimOutcome',
    'CodeRequest',
    'Decision',
    'DecisionCount',
    'DecisionCounts',
    'DecisionCountsOptions',
    'Discovery',
    'DpopErrorCode',
    'DpopErrorReason',
    'ExchangeOptions',
    'GrantRequest',
    'Grants',
    'GrantsOptions',
    'HttpAnswer',
    'IntrospectionOptions',
    'IssuedToken',
    'JsonObject',
    'JwksSource',
    'Memory',
    'MemoryRecordStoreOptions',
    'MemoryReplayStore',
    'MemoryReplayStoreOptions',
    'MemoryRevocationStore',
    'MemoryRevocationStoreOptions',
    'NoncePolicy',
    'Nonces',
    'NoncesOptions',
    'OpenGrant',
    'ProofRequest',
    'ProofServerOptions',
    'ProofTime',
    'PublicAddress',
    'PublicJwk',
    'RawRequest',
    'RecordStore',
    'RedeemedGrant',
    'RefreshRequest',
    'RefreshTokenState',
    'ReplayGauges',
    'ReplayStore',
    'ResourceServer',
    'ResourceServerOptions',
    'RevocableToken',
    'Revocation',
    'RevocationAnswer',
    'RevocationEntry',
    'RevocationGauges',
    'RevocationQuery',
    'RevocationStore',
    'Revocations',
    'RevocationsOptions',
    'RouteOptions',
    'Seconds',
    'SignatureAlgorithm',
    'SigningAlgorithm',
    'SigningKey',
    'StoredRecord',
    'SymmetricKey',
    'TokenBinder',
    'TokenBinderOptions',
    'TokenBinding',
    'TokenIssuer',
    'TokenIssuerOptions',
    'TokenRequest',
    'TrustedIssuer',
    'UnboundAuthorization',
    'VerifiedProof',
    'VerifyProofOptions',
  ]);
});

test('holdfast/client exports these names', () => {
  assert.equal(Object.keys(client), [
    'DpopClientError',
    'createDpopFetch',
    'createIndexedDbKeyStore',
    'createMemoryKeyStore',
    'createProof',
    'formerKeyName',
    'generateKeyPair',
    'loadOrCreateKeyPair',
    'rotateKeyPair',
  ]);
  assert.equal(exportedTypes('client/index'), [
    'ClientAlgorithm',
    'DpopClientErrorCode',
    'DpopFetchEvent',
    'DpopFetchOptions',
    'DpopKey',
    'DpopKeyPair',
    'DpopSigner',
    'GenerateKeyPairOptions',
    'IndexedDbKeyStoreOptions',
    'KeptKeyPair',
    'KeyStore',
    'ProofInput',
    'RotatedKeyPair',
  ]);
});

test('holdfast/client/session exports these names', () => {
  assert.equal(Object.keys(clientSession), [
    'OAuthErrorAnswer',
    'createIndexedDbTokenStore',
    'createMemoryTokenStore',
    'createSession',
    'createStorageTokenStore',
  ]);
});

test('holdfast/client/node exports these names', () => {
  assert.equal(Object.keys(clientNode), ['createFileKeyStore']);
  assert.equal(exportedTypes('client/node'), ['FileKeyStoreOptions']);
});

test('holdfast/koa exports these names', () => {
  assert.equal(Object.keys(koa), ['requireDpop']);
  assert.equal(exportedTypes('adapters/koa'), ['DpopState', 'KoaContext']);
});

test('holdfast/redis exports these names', () => {
  assert.equal(Object.keys(redis), ['createRedisReplayStore', 'createRedisRevocationStore']);
  assert.equal(exportedTypes('redis'), [
    'IoRedisClient',
    'NodeRedisClient',
    'RedisReplayStore',
    'RedisReplayStoreOptions',
    'RedisRevocationStore',
    'RedisRevocationStoreOptions',
  ]);
});

test('holdfast/testing exports these names', () => {
  assert.equal(Object.keys(testing), [
    'createDefectiveProof',
    'createTestClock',
    'createTestIssuer',
    'importTestKeyPair',
    'proofDefects',
    'publiclyKnownTestKeys',
    'replayStoreContract',
    'revocationStoreContract',
  ]);
  assert.equal(exportedTypes('testing/index'), [
    'ContractCase',
    'ProofDefect',
    'ProofDefectName',
    'ReplayStoreSubject',
    'RevocationStoreMaker',
    'TestClock',
    'TestIssuer',
    'TestIssuerOptions',
  ]);
});

test.run();
