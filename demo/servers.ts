import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  createGrants,
  createNonces,
  createResourceServer,
  createTokenBinder,
  createTokenIssuer,
  type Decision,
  type Nonces,
  type SigningKey,
} from 'holdfast';
import type Koa from 'koa';
import { createAuthorizationServer } from './authorization/authorization-server.ts';
import { createClients } from './authorization/clients.ts';
import type { DemoConfig } from './config.ts';
import { createResourceApp, metadataPath } from './resource-server.ts';
import { authorizeRoutes } from './sign-in/authorize.ts';
import { createUsers } from './sign-in/users.ts';
import { loadSigningKeys } from './state/signing-keys.ts';
import { type DemoState, openState } from './state/state.ts';

/** Both servers, listening. */
export interface DemoServers {
  readonly authorizationOrigin: string;
  readonly resourceOrigin: string;
  readonly ports: readonly [authorization: number, resource: number];
  readonly state: DemoState;
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
  const state = await openState(config);
  return startServersOn(state, await openSecrets(state, config), config, events);
}

async function openSecrets(
  { records, requireReady, close }: DemoState,
  config: DemoConfig,
): Promise<DemoSecrets> {
  try {
    await requireReady();
    const nonceSecret = config.nonceSecret ?? crypto.getRandomValues(new Uint8Array(32));
    return { ...(await loadSigningKeys(records)), nonceSecret };
  } catch (error) {
    close();
    throw error;
  }
}

/** Starts both servers with what they share with other processes. When it fails, nothing stays open. */
export async function startServersOn(
  state: DemoState,
  secrets: DemoSecrets,
  config: DemoConfig,
  events: DemoEvents,
): Promise<DemoServers> {
  const listening: Server[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(listening.map(closeServer));
    state.close();
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
    const apps = createApps(origins, state, secrets, config, events);
    serve(authorization, apps.authorization);
    serve(resource, apps.resource);
    state.replay.watch(console.error);
    return { ...origins, ports: [portOf(authorization), portOf(resource)], state, close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Origins = Pick<DemoServers, 'authorizationOrigin' | 'resourceOrigin'>;

function createApps(
  origins: Origins,
  state: DemoState,
  secrets: DemoSecrets,
  config: DemoConfig,
  events: DemoEvents,
): { readonly authorization: Koa; readonly resource: Koa } {
  const { nonceSecret: secret } = secrets;
  const { previousNonceSecret: previousSecret } = config;
  const nonces = createNonces({ secret, ...(previousSecret === undefined ? {} : { previousSecret }) });
  return {
    authorization: createAuthorizationApp(origins, state, nonces, secrets, config, events),
    resource: createNotesApp(origins, state, nonces, config, events),
  };
}

function createAuthorizationApp(
  { authorizationOrigin: origin, resourceOrigin: audience }: Origins,
  { replay, records, revocations }: DemoState,
  nonces: Nonces,
  { signingKey, nextKey }: DemoSecrets,
  config: DemoConfig,
  { log }: DemoEvents,
): Koa {
  const { noncePolicy, tokenLifetime: lifetime } = config;
  const { store, health } = replay.authorization;
  const clients = createClients(config);
  const mayUseBearer = (id: string): boolean =>
    clients.some((client) => client.id === id && !client.boundTokens); // [R9449-5.2-02]
  const issuer = createTokenIssuer({ issuer: origin, signingKey, nextKey, lifetime, mayUseBearer });
  const binder = createTokenBinder({
    publicOrigin: origin,
    replay: store,
    nonces,
    noncePolicy,
    revocations,
  });
  const grants = createGrants({ issuer: origin, records, revocations });
  const parts = { origin, audience, issuer, binder, grants, records, revocations, clients, health, log };
  const pages = authorizeRoutes({ ...parts, users: createUsers() });
  return createAuthorizationServer({ ...parts, maxLifetime: lifetime, pages });
}

function createNotesApp(
  { authorizationOrigin: issuer, resourceOrigin: origin }: Origins,
  { replay, revocations }: DemoState,
  nonces: Nonces,
  { noncePolicy, bindingMode: mode, apiSecret: clientSecret }: DemoConfig,
  { log, decided }: DemoEvents,
): Koa {
  const observe = (decision: Decision): void => {
    tellUnready(decision, log);
    decided?.(decision);
  };
  const { store, health } = replay.resource;
  const server = createResourceServer({
    publicOrigin: origin,
    issuer,
    audience: origin,
    jwks: `${issuer}/jwks`,
    introspection: { endpoint: `${issuer}/introspect`, credentials: { clientId: 'demo-api', clientSecret } },
    replay: store,
    nonces,
    noncePolicy,
    revocations,
    resourceMetadata: `${origin}${metadataPath}`,
    mode,
    observe,
  });
  return createResourceApp({ origin, authorizationServer: issuer, server, mode, health, log });
}

/** Which client is not ready yet for `BINDING_MODE=require`. */
function tellUnready(decision: Decision, log: DemoEvents['log']): void {
  if (decision.outcome === 'refused' || decision.scheme !== 'Bearer') return;
  const { clientId, wouldRefuse } = decision;
  const unready = wouldRefuse === undefined ? '' : `; required binding would refuse it: ${wouldRefuse}`;
  log(`${new Date().toISOString()} RS accepted an unbound token of ${JSON.stringify(clientId)}${unready}`);
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
  // Whoever goes on asking over a connection that is kept would at last be cut off in the middle of an answer.
  server.prependListener('request', (_request, response) => response.setHeader('connection', 'close'));
  server.close();
  server.closeIdleConnections();
  const impatient = setTimeout(() => server.closeAllConnections(), patience);
  await closed;
  clearTimeout(impatient);
}
