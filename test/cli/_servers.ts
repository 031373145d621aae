import {
  createMemoryReplayStore,
  createResourceServer,
  createSigningKey,
  createTokenBinder,
  createTokenIssuer,
  type NoncePolicy,
} from '../../src/index.ts';
import { type Loopback, type Received, serve } from './_cli.ts';

/** An authorization and a resource server in one, by the system's clock. */

export interface Servers extends Loopback {
  readonly tokenUrl: string;
  readonly notesUrl: string;
  readonly jwksUrl: string;
  /** A token for this key, that lives for so many seconds. */
  readonly issue: (jkt: string | undefined, lifetime?: number) => Promise<string>;
}

export async function startServers(noncePolicy: NoncePolicy = 'always'): Promise<Servers> {
  const signingKey = await createSigningKey('ES256');
  let answer = async (_: Received): Promise<Answer> => ({ status: 500, headers: {}, body: {} });
  const loopback = await serve(async (request, response) => {
    const { status, headers, body } = await answer(request);
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  });
  const { origin } = loopback;
  const issuer = createTokenIssuer({ issuer: origin, signingKey, mayUseBearer: () => true });
  const issue: Servers['issue'] = async (jkt, lifetime = 300) => {
    const token = {
      subject: 'alice',
      clientId: 'client',
      audience: origin,
      jkt,
      scope: 'notes:read',
      lifetime,
    };
    return (await issuer.issue(token)).accessToken;
  };
  const replay = (): ReturnType<typeof createMemoryReplayStore> =>
    createMemoryReplayStore({ capacity: 100, clock: () => Date.now() / 1000 - 1000 });
  const shared = { publicOrigin: origin, noncePolicy };
  const resource = createResourceServer({
    ...shared,
    issuer: origin,
    audience: origin,
    jwks: () => issuer.jwks(),
    replay: replay(),
  });
  const binder = createTokenBinder({ ...shared, replay: replay() });
  answer = async (request) => {
    if (request.target === '/jwks') return { status: 200, headers: {}, body: issuer.jwks() };
    try {
      if (request.target === '/token') {
        const { jkt, nonce } = await binder.bind(request, {});
        const body = { access_token: await issue(jkt), token_type: 'DPoP', expires_in: 300 };
        return { status: 200, headers: nonce === undefined ? {} : { 'dpop-nonce': nonce }, body };
      }
      const { claims } = await resource.authorize(request, { scopes: ['notes:read'] });
      return { status: 200, headers: {}, body: { notes: ['milk'], subject: claims.sub } };
    } catch (error) {
      return (request.target === '/token' ? binder : resource).challenge(error);
    }
  };
  return {
    ...loopback,
    tokenUrl: `${origin}/token`,
    notesUrl: `${origin}/api/notes`,
    jwksUrl: `${origin}/jwks`,
    issue,
  };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}
