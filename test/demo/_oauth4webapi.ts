import * as oauth from 'oauth4webapi';
import {
  type App,
  type Asked,
  type Asking,
  type DemoPlace,
  importWebKey,
  type Registration,
  redirectUri,
  repeatedOnce,
  type Tokens,
  Wire,
} from './_oauth.ts';

/** An application on oauth4webapi. */

interface Parts {
  readonly wire: Wire;
  readonly jkt: string;
  readonly server: oauth.AuthorizationServer;
  readonly authentication: oauth.ClientAuth;
  readonly dpop: oauth.DPoPHandle;
  readonly notesUrl: URL;
}

/** What the library leaves to the application is to put the calls together, and to repeat what a nonce was demanded for. */
class Oauth4webapiApp implements App {
  readonly registration: Registration;
  readonly wire: Wire;
  readonly jkt: string;
  readonly #parts: Parts;
  readonly #client: oauth.Client;
  readonly #plain: HttpOptions;
  readonly #bound: HttpOptions & oauth.DPoPRequestOptions;

  constructor(registration: Registration, parts: Parts) {
    this.registration = registration;
    this.wire = parts.wire;
    this.jkt = parts.jkt;
    this.#parts = parts;
    this.#client = { client_id: registration.clientId };
    this.#plain = onLoopback(parts.wire);
    this.#bound = { ...this.#plain, DPoP: parts.dpop };
  }

  async clientCredentials(): Promise<Tokens> {
    const { server, authentication } = this.#parts;
    return repeatedOnce(async () => {
      const sent = oauth.clientCredentialsGrantRequest(server, this.#client, authentication, {}, this.#bound);
      return oauth.processClientCredentialsResponse(server, this.#client, await sent);
    });
  }

  async ask({ way, jkt }: Asking): Promise<Asked> {
    const [state, verifier] = [oauth.generateRandomState(), oauth.generateRandomCodeVerifier()];
    const request = new URLSearchParams({
      client_id: this.registration.clientId,
      response_type: 'code',
      redirect_uri: redirectUri,
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    if (jkt.includes('parameter')) request.set('dpop_jkt', this.jkt);
    const query = way === 'pushed' ? await this.#push(request, jkt.includes('proof')) : request;
    return { url: new URL(`${this.#parts.server.authorization_endpoint}?${query}`), state, verifier };
  }

  async redeem(callback: URL, { state, verifier }: Asked): Promise<Tokens> {
    const { server, authentication } = this.#parts;
    const answer = oauth.validateAuthResponse(server, this.#client, callback, state);
    return repeatedOnce(async () => {
      const sent = oauth.authorizationCodeGrantRequest(
        server,
        this.#client,
        authentication,
        answer,
        redirectUri,
        verifier,
        this.#bound,
      );
      return oauth.processAuthorizationCodeResponse(server, this.#client, await sent);
    });
  }

  async refresh(token: string): Promise<Tokens> {
    const { server, authentication } = this.#parts;
    return repeatedOnce(async () => {
      const sent = oauth.refreshTokenGrantRequest(server, this.#client, authentication, token, this.#bound);
      return oauth.processRefreshTokenResponse(server, this.#client, await sent);
    });
  }

  async introspect(token: string): Promise<oauth.IntrospectionResponse> {
    const { server, authentication } = this.#parts;
    const sent = oauth.introspectionRequest(server, this.#client, authentication, token, this.#plain);
    return oauth.processIntrospectionResponse(server, this.#client, await sent);
  }

  async revoke(token: string): Promise<void> {
    const { server, authentication } = this.#parts;
    const sent = oauth.revocationRequest(server, this.#client, authentication, token, this.#plain);
    return oauth.processRevocationResponse(await sent);
  }

  call(token: string, method = 'GET'): Promise<Response> {
    const { notesUrl } = this.#parts;
    return repeatedOnce(() =>
      oauth.protectedResourceRequest(token, method, notesUrl, undefined, undefined, this.#bound),
    );
  }

  async #push(request: URLSearchParams, proven: boolean): Promise<URLSearchParams> {
    const { server, authentication } = this.#parts;
    const pushed = await repeatedOnce(async () => {
      const options = proven ? this.#bound : this.#plain;
      const sent = oauth.pushedAuthorizationRequest(server, this.#client, authentication, request, options);
      return oauth.processPushedAuthorizationResponse(server, this.#client, await sent);
    });
    return new URLSearchParams({
      client_id: this.registration.clientId,
      request_uri: pushed.request_uri,
    });
  }
}

interface HttpOptions {
  readonly [oauth.allowInsecureRequests]: true;
  readonly [oauth.customFetch]: Wire['fetch'];
}

function onLoopback({ fetch }: Wire): HttpOptions {
  return { [oauth.allowInsecureRequests]: true, [oauth.customFetch]: fetch };
}

export async function openOauth4webapi(demo: DemoPlace, registration: Registration): Promise<App> {
  const wire = new Wire();
  const server = await discover(new URL(demo.authorizationOrigin), wire);
  const keyPair = await oauth.generateKeyPair('ES256');
  const dpop = oauth.DPoP({}, keyPair, { [oauth.modifyAssertion]: wire.signingProof });
  return new Oauth4webapiApp(registration, {
    wire,
    jkt: await dpop.calculateThumbprint(),
    server,
    authentication: await authenticationOf(registration, wire),
    dpop,
    notesUrl: new URL(demo.notesUrl),
  });
}

export async function discover(issuer: URL, wire: Wire): Promise<oauth.AuthorizationServer> {
  const response = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...onLoopback(wire) });
  return oauth.processDiscoveryResponse(issuer, response);
}

async function authenticationOf(
  { authentication, secret = '' }: Registration,
  wire: Wire,
): Promise<oauth.ClientAuth> {
  if (authentication === 'client_secret_basic') return oauth.ClientSecretBasic(secret);
  if (authentication === 'client_secret_post') return oauth.ClientSecretPost(secret);
  if (authentication === 'none') return oauth.None();
  return oauth.PrivateKeyJwt(await importWebKey(), { [oauth.modifyAssertion]: wire.signingAssertion });
}
