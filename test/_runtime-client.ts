import { type ClientAlgorithm, createDpopFetch, DpopClientError, generateKeyPair } from 'holdfast/client';

/**
 * `RUNTIME _runtime-client.js ORIGIN ALGORITHM`: gets a token and uses it, with whatever fetch and WebCrypto this runtime
 * has, and prints what came of it.
 */

const [origin = '', algorithm] = process.argv.slice(2);
const keyPair = await generateKeyPair({ algorithm: algorithm as ClientAlgorithm });
let repeated = 0;
const observe = (): void => {
  repeated += 1;
};
const form = new URLSearchParams({ grant_type: 'client_credentials' });
const atIssuer = createDpopFetch({ keyPair, origins: origin, observe });
const granted = await atIssuer(`${origin}/token`, { method: 'POST', body: form });
const { access_token: accessToken } = (await granted.json()) as { access_token: string };
const send = createDpopFetch({ keyPair, origins: origin, accessToken, observe });
const headers = { 'Content-Type': 'application/json' };
const created = await send(`${origin}/notes`, { method: 'POST', headers, body: '{"text":"a note"}' });
const read = await send(`${origin}/notes?page=2`);
const elsewhere = await send('https://other.example/').catch((error: unknown) => error);
const result = {
  answers: [await created.text(), await read.text()],
  repeated,
  extractable: 'privateKey' in keyPair && keyPair.privateKey.extractable,
  refused: elsewhere instanceof DpopClientError && elsewhere.code,
};
console.log(JSON.stringify(result));
