import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  createMemoryReplayStore,
  createResourceServer,
  createSigningKey,
  createTokenBinder,
  createTokenIssuer,
  type Decision,
} from 'holdfast';
import type Koa from 'koa';
import { createAuthorizationServer } from './authorization-server.ts';
import type { DemoConfig } from './config.ts';
import { createResourceApp, metadataPath } from './resource-server.ts';

/** Both servers, listening. */
export interface DemoServers {
  readonly authorizationOrigin: string;
  readonly resourceOrigin: string;
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

/** Starts both servers on two origins. When the second cannot listen, the first is closed again. */
export async function startServers(config: DemoConfig, { log, decided }: DemoEvents): Promise<DemoServers> {
  const authorization = await listen(config.host, config.authorizationPort, 'AS_PORT');
  const resource = await listen(config.host, config.resourcePort, 'RS_PORT').catch(async (error: unknown) => {
    await closeServer(authorization);
    throw error;
  });
  const authorizationOrigin = config.authorizationOrigin ?? originOf(authorization, config.host);
  const resourceOrigin = config.resourceOrigin ?? originOf(resource, config.host);
  const { noncePolicy, replayCapacity: capacity } = config;
  const issuer = createTokenIssuer({
    issuer: authorizationOrigin,
    signingKey: await createSigningKey('ES256'),
    nextKey: await createSigningKey('ES256'),
    lifetime: config.tokenLifetime,
  });
  const authorizationApp = createAuthorizationServer({
    origin: authorizationOrigin,
    audience: resourceOrigin,
    issuer,
    binder: createTokenBinder({
      publicOrigin: authorizationOrigin,
      replay: createMemoryReplayStore({ capacity }),
      noncePolicy,
    }),
    clients: [{ id: 'demo-service', secret: config.clientSecret, scopes: ['notes:read', 'notes:write'] }],
    log,
  });
  const resourceApp = createResourceApp({
    origin: resourceOrigin,
    authorizationServer: authorizationOrigin,
    server: createResourceServer({
      publicOrigin: resourceOrigin,
      issuer: authorizationOrigin,
      audience: resourceOrigin,
      jwks: `${authorizationOrigin}/jwks`,
      replay: createMemoryReplayStore({ capacity }),
      noncePolicy,
      resourceMetadata: `${resourceOrigin}${metadataPath}`,
      ...(decided === undefined ? {} : { observe: decided }),
    }),
    log,
  });
  serve(authorization, authorizationApp);
  serve(resource, resourceApp);
  return {
    authorizationOrigin,
    resourceOrigin,
    close: async () => {
      await Promise.all([closeServer(authorization), closeServer(resource)]);
    },
  };
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
  const { port } = server.address() as AddressInfo;
  const everywhere = host === '0.0.0.0' || host === '::';
  return new URL(`http://${everywhere ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host}:${port}`)
    .origin;
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
