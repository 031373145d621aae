import * as openid from 'openid-client';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type App,
  type Asked,
  type Asking,
  type DemoPlace,
  importWebKey,
  type Registration,
  redirectUri,
  startWorld,
  type Tokens,
  Wire,
  type World,
} from './_oauth.ts';
import { testFlows } from './_oauth-flows.ts';
import { testSteps } from './_oauth-steps.ts';

/** openid-client, unmodified, with nonces demanded at both servers: every flow, and every step with one thing changed. */

const test = suite<World>('demo/openid-client');

test.before(async (context) => {
  Object.assign(context, await startWorld());
});

test.after(({ demo }) => demo.close());

interface Parts {
  readonly wire: Wire;
  readonly jkt: string;
  readonly config: openid.Configuration;
  readonly dpop: openid.DPoPHandle;
  readonly notesUrl: URL;
}

/** The library repeats by itself what a nonce was demanded for. */
class OpenidClientApp implements App {
  readonly registration: Registration;
  readonly wire: Wire;
  readonly jkt: string;
  readonly #config: openid.Configuration;
  readonly #bound: openid.DPoPOptions;
  readonly #notesUrl: URL;

  constructor(registration: Registration, { wire, jkt, config, dpop, notesUrl }: Parts) {
    this.registration = registration;
    this.wire = wire;
    this.jkt = jkt;
    this.#config = config;
    this.#bound = { DPoP: dpop };
    this.#notesUrl = notesUrl;
  }

  clientCredentials(): Promise<Tokens> {
    return openid.clientCredentialsGrant(this.#config, {}, this.#bound);
  }

  async ask({ way, jkt }: Asking): Promise<Asked> {
    const [state, verifier] = [openid.randomState(), openid.randomPKCECodeVerifier()];
    const request: Record<string, string> = {
      redirect_uri: redirectUri,
      state,
      code_challenge: await openid.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...(jkt.includes('parameter') ? { dpop_jkt: this.jkt } : {}),
    };
    const options = jkt.includes('proof') ? this.#bound : {};
    const url =
      way === 'pushed'
        ? await openid.buildAuthorizationUrlWithPAR(this.#config, request, options)
        : openid.buildAuthorizationUrl(this.#config, request);
    return { url, state, verifier };
  }

  redeem(callback: URL, { state, verifier }: Asked): Promise<Tokens> {
    const checks = { expectedState: state, pkceCodeVerifier: verifier };
    return openid.authorizationCodeGrant(this.#config, callback, checks, {}, this.#bound);
  }

  refresh(token: string): Promise<Tokens> {
    return openid.refreshTokenGrant(this.#config, token, {}, this.#bound);
  }

  introspect(token: string): Promise<openid.IntrospectionResponse> {
    return openid.tokenIntrospection(this.#config, token);
  }

  revoke(token: string): Promise<void> {
    return openid.tokenRevocation(this.#config, token);
  }

  call(token: string, method = 'GET'): Promise<Response> {
    return openid.fetchProtectedResource(
      this.#config,
      token,
      this.#notesUrl,
      method,
      undefined,
      undefined,
      this.#bound,
    );
  }
}

async function open(demo: DemoPlace, registration: Registration): Promise<App> {
  const wire = new Wire();
  const authentication = await authenticationOf(registration, wire);
  const config = await discover(new URL(demo.authorizationOrigin), registration, wire, authentication);
  const keyPair = await openid.randomDPoPKeyPair();
  const dpop = openid.getDPoPHandle(config, keyPair, { [openid.modifyAssertion]: wire.signingProof });
  const jkt = await dpop.calculateThumbprint();
  return new OpenidClientApp(registration, { wire, jkt, config, dpop, notesUrl: new URL(demo.notesUrl) });
}

function discover(
  issuer: URL,
  { clientId }: Registration,
  wire: Wire,
  authentication: openid.ClientAuth,
): Promise<openid.Configuration> {
  return openid.discovery(issuer, clientId, undefined, authentication, {
    algorithm: 'oauth2',
    execute: [openid.allowInsecureRequests],
    [openid.customFetch]: wire.fetch,
  });
}

async function authenticationOf(
  { authentication, secret = '' }: Registration,
  wire: Wire,
): Promise<openid.ClientAuth> {
  if (authentication === 'client_secret_basic') return openid.ClientSecretBasic(secret);
  if (authentication === 'client_secret_post') return openid.ClientSecretPost(secret);
  if (authentication === 'none') return openid.None();
  return openid.PrivateKeyJwt(await importWebKey(), { [openid.modifyAssertion]: wire.signingAssertion });
}

test('[R8414-3.3-01] the metadata is accepted for its own issuer, and for no other', async ({ demo }) => {
  const issuer = new URL(demo.authorizationOrigin);
  const registration = { clientId: 'demo-spa', authentication: 'none' } as const;
  const config = await discover(issuer, registration, new Wire(), openid.None());
  assert.is(config.serverMetadata().issuer, demo.authorizationOrigin);
  const elsewhere = new URL(issuer.href.replace('127.0.0.1', 'localhost'));
  const refused = discover(elsewhere, registration, new Wire(), openid.None());
  const { code } = (await refused.catch((error) => error)) as { code?: string };
  assert.is(code, 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED');
});

testFlows(test, open);
testSteps(test, open);

test.run();
