import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  createNonces,
  createResourceServer,
  createSigningKey,
  createTokenBinder,
  createTokenIssuer,
  type Decision,
  type SigningKey,
} from 'holdfast';
import type Koa from 'koa';
import { createAuthorizationServer } from './authorization-server.ts';
import type { DemoConfig } from './config.ts';
import { type DemoReplay, openReplay } from './replay.ts';
import { createResourceApp, metadataPath } from './resource-server.ts';

/** Both servers, listening. */
export interface DemoServers {
  readonly authorizationOrigin: string;
  readonly resourceOrigin: string;
  readonly ports: readonly [authorization: number, resource: number];
  /** Lets requests under way end, for two seconds at most. */
  close(): Promise<void>;
}

/** What the demo tells of itself while it runs. */
export interface DemoEvents {
  readonly log: (line: string) => void;
  readonly decided?: (decision: Decision) => void;
}

/** A port that cannot be had: the message is one sentence. */
export class ListenError extends Error {
  override readonly name: string = 'ListenError';
}

/** What all processes of one demo have in common. */
export interface DemoSecrets {
  readonly signingKey: SigningKey;
  readonly nextKey: SigningKey;
  readonly nonceSecret: Uint8Array;
}

/** Starts both servers on two origins, or none. */
export async function startServers(config: DemoConfig, events: DemoEvents): Promise<DemoServers> {
  const replay = await openReplay(config);
  await replay.requireReady();
  const secrets = {
    signingKey: await createSigningKey('ES256'),
    nextKey: await createSigningKey('ES256'),
    nonceSecret: config.nonceSecret ?? crypto.getRandomValues(new Uint8Array(32)),
  };
  return startServersOn(replay, secrets, config, events);
}

/** Starts both servers with what they share with other processes. When it fails, nothing stays open. */
export async function startServersOn(
  replay: DemoReplay,
  secrets: DemoSecrets,
  config: DemoConfig,
  events: DemoEvents,
): Promise<DemoServers> {
  const listening: Server[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(listening.map(closeServer));
    replay.close();
  };
  try {
    const authorization = await listen(config.host, config.authorizationPort, 'AS_PORT');
    listening.push(authorization);
    const resource = await listen(config.host, config.resourcePort, 'RS_PORT');
    listening.push(resource);
    const origins = {
      authorizationOrigin: config.authorizationOrigin ?? originOf(authorization, config.host),
      resourceOrigin: config.resourceOrigin ?? originOf(resource, config.host),
    };
    const apps = createApps(origins, replay, secrets, config, events);
    serve(authorization, apps.authorization);
    serve(resource, apps.resource);
    replay.watch(console.error);
    return { ...origins, ports: [portOf(authorization), portOf(resource)], close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Origins = Pick<DemoServers, 'authorizationOrigin' | 'resourceOrigin'>;

function createApps(
  { authorizationOrigin, resourceOrigin }: Origins,
  replay: DemoReplay,
  { signingKey, nextKey, nonceSecret: secret }: DemoSecrets,
  { noncePolicy, previousNonceSecret, tokenLifetime: lifetime, clientSecret }: DemoConfig,
  { log, decided }: DemoEvents,
): { readonly authorization: Koa; readonly resource: Koa } {
  const nonces = createNonces({
    secret,
    ...(previousNonceSecret === undefined ? {} : { previousSecret: previousNonceSecret }),
  });
  const authorization = createAuthorizationServer({
    origin: authorizationOrigin,
    audience: resourceOrigin,
    issuer: createTokenIssuer({ issuer: authorizationOrigin, signingKey, nextKey, lifetime }),
    binder: createTokenBinder({
      publicOrigin: authorizationOrigin,
      replay: replay.authorization.store,
      nonces,
      noncePolicy,
    }),
    clients: [{ id: 'demo-service', secret: clientSecret, scopes: ['notes:read', 'notes:write'] }],
    health: replay.authorization.health,
    log,
  });
  const resource = createResourceApp({
    origin: resourceOrigin,
    authorizationServer: authorizationOrigin,
    server: createResourceServer({
      publicOrigin: resourceOrigin,
      issuer: authorizationOrigin,
      audience: resourceOrigin,
      jwks: `${authorizationOrigin}/jwks`,
      replay: replay.resource.store,
      nonces,
      noncePolicy,
      resourceMetadata: `${resourceOrigin}${metadataPath}`,
      ...(decided === undefined ? {} : { observe: decided }),
    }),
    health: replay.resource.health,
    log,
  });
  return { authorization, resource };
}

/** Listens before the app exists, because the app must know its own origin and the port may be any free one. */
async function listen(host: string, port: number, setting: string): Promise<Server> {
  const server = createServer();
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw new ListenError(sentenceFor(error as NodeJS.ErrnoException, host, port, setting), { cause: error });
  }
  return server;
}

function sentenceFor({ code }: NodeJS.ErrnoException, host: string, port: number, setting: string): string {
  if (code === 'EADDRINUSE')
    return `Port ${port} on ${host} is in use: stop what listens there, or set ${setting}.`;
  if (code === 'EACCES')
    return `Port ${port} on ${host} needs more rights than this user has: set ${setting}.`;
  return `Cannot listen on port ${port} of ${host} (${code}): set HOST or ${setting}.`;
}

function serve(server: Server, app: Koa): void {
  app.silent = true; // the request log tells of every answer; stack traces could repeat what a caller sent
  server.on('request', app.callback());
}

function originOf(server: Server, host: string): string {
  const port = portOf(server);
  const everywhere = host === '0.0.0.0' || host === '::';
  return new URL(`http://${everywhere ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host}:${port}`)
    .origin;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

const patience = 2000; // milliseconds

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const impatient = setTimeout(() => server.closeAllConnections(), patience);
  await closed;
  clearTimeout(impatient);
}
