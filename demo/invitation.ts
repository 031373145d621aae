import { createProof, generateKeyPair } from 'holdfast/client';
import type { DemoConfig } from './config.ts';
import type { DemoServers } from './servers.ts';
import { createSecret, hashSecret } from './sign-in/cookies.ts';
import { encodeFormPart, requestToken } from './story.ts';

type Origins = Pick<DemoServers, 'authorizationOrigin' | 'resourceOrigin'>;

/** Commands to paste. The signed one works once, within a minute: that is the point of it. */
export async function invitation(servers: Origins, config: DemoConfig): Promise<string> {
  const { authorizationOrigin, resourceOrigin } = servers;
  const { token, proof } = await signOne(servers, config);
  const verifier = createSecret();
  return `
The servers stay up; Ctrl-C stops them. Try, in another terminal:

  # what the servers say of themselves
  curl -s ${authorizationOrigin}/.well-known/oauth-authorization-server
  curl -s ${resourceOrigin}/.well-known/oauth-protected-resource

  # whether they are ready
  curl -sS ${resourceOrigin}/healthz

  # nothing presented: a challenge; a token request without a proof: refused
  curl -si ${resourceOrigin}/api/notes
  curl -si -u 'demo-service:${encodeFormPart(config.clientSecret)}' -d grant_type=client_credentials ${authorizationOrigin}/token

  # in a browser: sign in as alice, with the password alice, and allow. It then goes where nobody listens, with a code
  ${signInUrl(authorizationOrigin, verifier)}

  # that code in the place of CODE: without a proof it is refused, too
  curl -si -d client_id=demo-spa -d grant_type=authorization_code -d redirect_uri=${redirectUri} \\
    -d code_verifier=${verifier} -d code=CODE ${authorizationOrigin}/token

  # a whole signed request. It works once, within a minute; run it twice
  curl -si ${resourceOrigin}/api/notes \\
    -H 'Authorization: DPoP ${token}' \\
    -H 'DPoP: ${proof}'

Requests, with the reason where one is refused:
`;
}

/** Of `demo-spa`. */
const redirectUri = 'http://127.0.0.1/callback';

function signInUrl(authorizationOrigin: string, verifier: string): string {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: 'demo-spa',
    redirect_uri: redirectUri,
    scope: 'notes:read',
    code_challenge: hashSecret(verifier), // S256 is the same hash, in the same letters
    code_challenge_method: 'S256',
  });
  return `${authorizationOrigin}/authorize?${query}`;
}

async function signOne(
  { authorizationOrigin, resourceOrigin }: Origins,
  config: DemoConfig,
): Promise<Signed> {
  const keyPair = await generateKeyPair();
  const url = `${resourceOrigin}/api/notes`;
  const { accessToken } = await requestToken(authorizationOrigin, config.clientSecret, keyPair);
  const unsigned = await fetch(url, {
    headers: {
      authorization: `DPoP ${accessToken}`,
      dpop: await createProof(keyPair, { method: 'GET', url, accessToken }),
    },
  });
  const nonce = unsigned.headers.get('DPoP-Nonce') ?? undefined;
  return {
    token: accessToken,
    proof: await createProof(keyPair, { method: 'GET', url, accessToken, nonce }),
  };
}

interface Signed {
  readonly token: string;
  readonly proof: string;
}
