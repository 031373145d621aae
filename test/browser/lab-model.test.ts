import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { calculateJwkThumbprint, compactVerify, EmbeddedJWK, type JWK } from 'jose';
import type { BrowserContext, Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findProfile } from '../../demo/lab/catalogue.ts';
import type { LabEngine } from '../../demo/lab/engine/engine.ts';
import { createLabEngine } from '../../demo/lab/engine/lab-engine.ts';
import { openNetwork } from '../../demo/lab/engine/network.ts';
import { openWorld } from '../../demo/lab/engine/world.ts';
import type { HeaderLine, Recording } from '../../demo/lab/model.ts';
import {
  bundle,
  chromiumInstalled,
  type PageServer,
  servePages,
  startChromium,
  withChromium,
} from './_chromium.ts';

/** A real browser does with cookies and keys what the lab's engine says that it does. */

const test = suite('browser/lab-model');
const browserTest = withChromium(test);

type Client = typeof import('../../src/client/keys.ts') & typeof import('../../src/client/proof.ts');
/** In the page. */
declare const holdfast: Client;

const client = fileURLToPath(new URL('../../src/client/', import.meta.url));
const entry = ['keys', 'proof']
  .map((name) => `export * from ${JSON.stringify(join(client, `${name}.js`))};`)
  .join('\n');

let folder: string;
let context: BrowserContext;
let pages: PageServer;
let engine: LabEngine;

test.before(async () => {
  if (!chromiumInstalled) return;
  folder = await mkdtemp(join(tmpdir(), 'lab-model-'));
  context = await startChromium(folder);
  engine = createLabEngine();
  const text = `<script type="module">import * as client from '/client.js'; globalThis.holdfast = client;</script>`;
  pages = await servePages({
    '/': { type: 'text/html', text },
    '/client.js': { type: 'text/javascript', text: await bundle(entry) },
  });
});

test.after(async () => {
  await context?.close();
  await pages?.stop();
  await engine?.close();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

/** Two names of this machine, which are two sites: a bank, and somebody else. */
interface Sites {
  readonly bank: string;
  readonly prizes: string;
}

/** `setCookies`: what the bank gives to whoever signs in. It answers with the cookies that came. */
async function withSites(
  bankName: string,
  setCookies: readonly string[],
  run: (page: Page, sites: Sites) => Promise<void>,
): Promise<void> {
  const prizesName = bankName === 'localhost' ? '127.0.0.1' : 'localhost';
  const answer = ({ url, headers }: IncomingMessage, response: ServerResponse): void => {
    if (url === '/sign-in') response.setHeader('Set-Cookie', setCookies);
    if (url === '/forms') response.setHeader('Content-Type', 'text/html').end(formsFor(bank));
    else response.setHeader('Content-Type', 'text/plain').end(headers.cookie ?? '');
  };
  const server = createServer(answer);
  const port = await listen(server);
  const bank = `http://${bankName}:${port}`;
  const page = await context.newPage();
  try {
    await page.goto(`${bank}/sign-in`);
    await run(page, { bank, prizes: `http://${prizesName}:${port}` });
  } finally {
    await page.close();
    await context.clearCookies();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return (server.address() as AddressInfo).port;
}

/** Plain forms, as a hostile page has them. */
function formsFor(bank: string): string {
  return `<!doctype html><form method="post" enctype="text/plain" action="${bank}/transfer"><button>Post</button></form>
<a href="${bank}/transfer">Link</a>`;
}

/** From a page of this origin: what the bank gets when Alice presses that. */
async function arrives(page: Page, origin: string, what: 'Post' | 'Link'): Promise<readonly string[]> {
  await page.goto(`${origin}/forms`);
  await page.getByText(what, { exact: true }).click();
  await page.waitForURL('**/transfer');
  return toCookies((await page.locator('body').textContent()) ?? '');
}

function toCookies(header: string): readonly string[] {
  return header === '' ? [] : header.split('; ').sort();
}

const everyKind = [
  'strict=1; Path=/; SameSite=Strict',
  'lax=1; Path=/; SameSite=Lax',
  'none=1; Path=/; SameSite=None; Secure',
  'hidden=1; Path=/; HttpOnly; SameSite=Strict',
  'open=1; Path=/; HttpOnly; SameSite=None; Secure',
];

/** What the engine's Alice sends from her jar. */
async function inEngine(bank: string, kind: 'strict' | 'lax' | 'none'): Promise<readonly string[]> {
  const network = await openNetwork();
  try {
    const { alice } = await openWorld({
      profile: findProfile('M00'),
      seat: 'elsewhere',
      network,
      time: 'world',
      keepEvents: false,
      without: [],
    });
    for (const cookie of everyKind) alice.jar.setCookieSync(cookie, bank);
    return toCookies(alice.cookiesFor(`${bank}/transfer`, kind));
  } finally {
    await network.close();
  }
}

for (const name of ['localhost', '127.0.0.1']) {
  browserTest(`cookies of ${name} go along from another site as the engine says, by form and by link`, () =>
    withSites(name, everyKind, async (page, { bank, prizes }) => {
      const own = await arrives(page, bank, 'Post');
      assert.equal(own, ['hidden=1', 'lax=1', 'none=1', 'open=1', 'strict=1']);
      assert.equal(await inEngine(bank, 'strict'), own);
      const byLink = await arrives(page, prizes, 'Link');
      assert.equal(byLink, ['lax=1', 'none=1', 'open=1']);
      assert.equal(await inEngine(bank, 'lax'), byLink);
      const byForm = await arrives(page, prizes, 'Post');
      assert.equal(byForm, ['none=1', 'open=1']);
      assert.equal(await inEngine(bank, 'none'), byForm);
    }),
  );
}

browserTest('script reads the cookies that are not HttpOnly, and no others', () =>
  withSites('127.0.0.1', everyKind, async (page) => {
    assert.equal(toCookies(await page.evaluate(() => document.cookie)), ['lax=1', 'none=1', 'strict=1']);
  }),
);

/** What the engine's bank has Alice keep. */
function cookiesSet({ events }: Recording): readonly string[] {
  const answers = events.filter((event) => event.type === 'response');
  return answers.flatMap(({ headers }) => valuesOf(headers, 'set-cookie'));
}

/** What the form of the hostile page carried in the engine. */
function cookiesOfForm({ events }: Recording): readonly string[] {
  const requests = events.filter((event) => event.type === 'request');
  const form = requests.find(({ headers }) => valuesOf(headers, 'origin').includes('https://prizes.example'));
  assert.ok(form, 'the form was sent');
  return valuesOf(form.headers, 'cookie').flatMap(toCookies);
}

function valuesOf(headers: readonly HeaderLine[], wanted: string): readonly string[] {
  return headers.filter(([name]) => name.toLowerCase() === wanted).map(([, value]) => value);
}

for (const [profile, outcome, names] of [
  ['M25', 'works', ['refresh', 'token']],
  ['M26', 'blocked', []],
] as const) {
  browserTest(
    `the form of T24 carries under ${profile} what the engine's form carries, from the same cookies`,
    async () => {
      const recording = await engine.record({
        profile,
        theft: 'T24',
        seat: 'elsewhere',
        wait: 1,
        without: [],
      });
      assert.is(recording.outcome, outcome);
      await withSites('127.0.0.1', cookiesSet(recording), async (page, { prizes }) => {
        const came = await arrives(page, prizes, 'Post');
        assert.equal(came, cookiesOfForm(recording));
        assert.equal(
          came.map((cookie) => cookie.split('=')[0]),
          names,
        );
      });
    },
  );
}

browserTest(
  'a key that cannot be copied stays in the page, as T20 says; script of the page signs with it, as T10 says',
  async () => {
    const page = await context.newPage();
    await page.goto(pages.origin);
    await page.waitForFunction(() => 'holdfast' in globalThis);
    const { errors, jkt, proof } = await page.evaluate(async () => {
      const keyPair = await holdfast.generateKeyPair();
      const copies = (['jwk', 'pkcs8'] as const).map((format) =>
        crypto.subtle.exportKey(format, keyPair.privateKey as CryptoKey).then(
          () => 'copied',
          ({ name }: DOMException) => name,
        ),
      );
      const signed = await holdfast.createProof(keyPair, {
        method: 'GET',
        url: 'https://bank.example/accounts',
      });
      return { errors: await Promise.all(copies), jkt: keyPair.jkt, proof: signed };
    });
    await page.close();
    assert.equal(errors, ['InvalidAccessError', 'InvalidAccessError']);
    const { protectedHeader } = await compactVerify(proof, EmbeddedJWK);
    assert.is(await calculateJwkThumbprint(protectedHeader.jwk as JWK), jkt);
    const seat = 'elsewhere';
    const copied = await engine.record({ profile: 'X5', theft: 'T20', seat, wait: 1, without: [] });
    assert.equal([copied.outcome, copied.decidedBy], ['blocked', 'key']);
    const signing = await engine.record({ profile: 'X5', theft: 'T10', seat, wait: 1, without: [] });
    assert.is(signing.outcome, 'works');
  },
);

browserTest('a key that can be copied leaves the page, as the other profiles say of T20', async () => {
  const page = await context.newPage();
  await page.goto(pages.origin);
  await page.waitForFunction(() => 'holdfast' in globalThis);
  const jwk = await page.evaluate(async () => {
    const { privateKey } = await holdfast.generateKeyPair({ extractable: true });
    return crypto.subtle.exportKey('jwk', privateKey as CryptoKey);
  });
  await page.close();
  assert.type(jwk.d, 'string');
  const copied = await engine.record({
    profile: 'D5',
    theft: 'T20',
    seat: 'elsewhere',
    wait: 1,
    without: [],
  });
  assert.is(copied.outcome, 'works');
});

test.run();
