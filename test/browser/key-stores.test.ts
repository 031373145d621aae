import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { calculateJwkThumbprint, compactVerify, EmbeddedJWK, type JWK } from 'jose';
import type { BrowserContext, Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  bundle,
  chromiumInstalled,
  type PageServer,
  servePages,
  startChromium,
  withChromium,
} from './_chromium.ts';

/** The key store of pages in a real browser: what it keeps, through what, and what nobody gets out of it. */

const test = suite('key stores in Chromium');
const chromiumTest = withChromium(test);

type Client = typeof import('../../src/client/keys.ts') &
  typeof import('../../src/client/proof.ts') &
  typeof import('../../src/client/key-stores.ts') &
  typeof import('../../src/client/indexeddb-key-store.ts');

/** In the page. */
declare const holdfast: Client;

const client = fileURLToPath(new URL('../../src/client/', import.meta.url));
const modules = ['keys', 'proof', 'key-stores', 'indexeddb-key-store'];
const entry = modules
  .map((name) => `export * from ${JSON.stringify(join(client, `${name}.js`))};`)
  .join('\n');

let folder: string;
let server: PageServer;
let context: BrowserContext;

test.before(async () => {
  if (!chromiumInstalled) return;
  const text = `<script type="module">import * as client from '/client.js'; globalThis.holdfast = client;</script>`;
  const script = {
    type: 'text/javascript',
    text: await bundle(entry),
    headers: { 'Access-Control-Allow-Origin': '*' },
  };
  server = await servePages({
    '/': { type: 'text/html', text },
    '/sandboxed': {
      type: 'text/html',
      text,
      headers: { 'Content-Security-Policy': 'sandbox allow-scripts' },
    },
    '/client.js': script,
  });
  folder = await mkdtemp(join(tmpdir(), 'holdfast-chromium-'));
  context = await startChromium(folder);
});

test.after.each(async () => {
  if (!chromiumInstalled) return;
  const page = await openPage();
  await page.evaluate(() => indexedDB.deleteDatabase('holdfast'));
  for (const each of context.pages().slice(1)) await each.close();
});

test.after(async () => {
  await context?.close();
  await server?.stop();
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
});

async function openPage(path = '/'): Promise<Page> {
  const page = await context.newPage();
  await page.goto(server.origin + path);
  await page.waitForFunction(() => 'holdfast' in globalThis);
  return page;
}

/** What `loadOrCreateKeyPair` says in a page. */
function createIn(page: Page): Promise<{ origin: string; jkt: string }> {
  return page.evaluate(async () => {
    const store = holdfast.createIndexedDbKeyStore();
    const { keyPair, origin } = await holdfast.loadOrCreateKeyPair(store, 'main');
    return { origin, jkt: keyPair.jkt };
  });
}

/** The thumbprint of the key that a page finds, or the code of the error. */
function loadIn(page: Page): Promise<string | undefined> {
  return page.evaluate(() =>
    holdfast
      .createIndexedDbKeyStore()
      .load('main')
      .then(
        (found) => found?.jkt,
        ({ code }: { code: string }) => code,
      ),
  );
}

async function signerOf(proof: string): Promise<string> {
  const { protectedHeader } = await compactVerify(proof, EmbeddedJWK);
  return calculateJwkThumbprint(protectedHeader.jwk as JWK);
}

chromiumTest(
  '[R9449-5-08] a key survives the reload of its page and the end of the browser, and signs',
  async () => {
    const page = await openPage();
    const { origin, jkt } = await createIn(page);
    assert.is(origin, 'created');
    await page.reload();
    await page.waitForFunction(() => 'holdfast' in globalThis);
    assert.equal(await createIn(page), { origin: 'stored', jkt });
    await context.close();
    context = await startChromium(folder);
    const proof = await (await openPage()).evaluate(async () => {
      const { keyPair } = await holdfast.loadOrCreateKeyPair(holdfast.createIndexedDbKeyStore(), 'main');
      return holdfast.createProof(keyPair, { method: 'GET', url: 'https://rs.example/' });
    });
    assert.is(await signerOf(proof), jkt);
  },
);

chromiumTest(
  '[R9449-11.4-01] [M10] a page can take the private key neither from the pair nor from the database',
  async () => {
    const page = await openPage();
    await createIn(page);
    const outcomes = await page.evaluate(async () => {
      const { keyPair } = await holdfast.loadOrCreateKeyPair(holdfast.createIndexedDbKeyStore(), 'main');
      const kept = await new Promise<{ privateKey: CryptoKey }>((resolve) => {
        const opening = indexedDB.open('holdfast');
        opening.onsuccess = () => {
          const reading = opening.result.transaction('keys').objectStore('keys').get('main');
          reading.onsuccess = () => {
            opening.result.close();
            resolve(reading.result);
          };
        };
      });
      const wrapping = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, true, ['wrapKey']);
      const attempts = [keyPair.privateKey, kept.privateKey, structuredClone(keyPair).privateKey].flatMap(
        (key) => [
          crypto.subtle.exportKey('jwk', key),
          crypto.subtle.exportKey('pkcs8', key),
          crypto.subtle.wrapKey('jwk', key, wrapping, { name: 'AES-GCM', iv: new Uint8Array(12) }),
        ],
      );
      const settled = await Promise.allSettled(attempts);
      const names = settled.map((each) =>
        each.status === 'rejected' ? (each.reason as Error).name : 'taken',
      );
      return { names, text: JSON.stringify([keyPair, kept]) };
    });
    assert.equal(outcomes.names, Array(9).fill('InvalidAccessError'));
    assert.not.match(outcomes.text, '"d":');
  },
);

chromiumTest('[I06] tabs that create at the same moment end with one key', async () => {
  const pages = await Promise.all([openPage(), openPage(), openPage()]);
  const found = await Promise.all(pages.flatMap((page) => [createIn(page), createIn(page)]));
  assert.is(new Set(found.map(({ jkt }) => jkt)).size, 1);
  assert.is(found.filter(({ origin }) => origin === 'created').length, 1);
});

chromiumTest('storage that is wiped under an open page has no key, and takes the next', async () => {
  const page = await openPage();
  const outcomes = page.evaluate(async () => {
    const store = holdfast.createIndexedDbKeyStore();
    const { keyPair } = await holdfast.loadOrCreateKeyPair(store, 'main');
    // The wipe comes from outside, so the page waits for it with its connection open.
    const wiped = new Promise((resolve) => addEventListener('wiped', resolve, { once: true }));
    document.title = 'ready';
    await wiped;
    const found = await store.load('main');
    const next = await holdfast.loadOrCreateKeyPair(store, 'main');
    return { found: found === undefined, origin: next.origin, isSame: next.keyPair.jkt === keyPair.jkt };
  });
  await page.waitForFunction(() => document.title === 'ready');
  const session = await context.newCDPSession(page);
  await session.send('Storage.clearDataForOrigin', { origin: server.origin, storageTypes: 'indexeddb' });
  await page.evaluate(() => dispatchEvent(new Event('wiped')));
  assert.equal(await outcomes, { found: true, origin: 'created', isSame: false });
});

chromiumTest('[M10] a half-written entry is removed, and counts as absent', async () => {
  const page = await openPage();
  const { jkt } = await createIn(page);
  await page.evaluate(async () => {
    const pair = await holdfast.createIndexedDbKeyStore().load('main');
    await new Promise((resolve) => {
      const opening = indexedDB.open('holdfast');
      opening.onsuccess = () => {
        const transaction = opening.result.transaction('keys', 'readwrite');
        transaction.objectStore('keys').put({ ...pair, privateKey: undefined }, 'main');
        transaction.oncomplete = resolve;
      };
    });
  });
  await page.reload();
  await page.waitForFunction(() => 'holdfast' in globalThis);
  assert.is(await loadIn(page), undefined);
  const next = await createIn(page);
  assert.is(next.origin, 'created');
  assert.is.not(next.jkt, jkt);
});

chromiumTest(
  'a page makes way for a newer version in another tab, and then says that it is too old',
  async () => {
    const [page, newer] = await Promise.all([openPage(), openPage()]);
    await createIn(page);
    const outcome = await newer.evaluate(
      () =>
        new Promise((resolve) => {
          const opening = indexedDB.open('holdfast', 2);
          opening.onblocked = () => resolve('blocked');
          opening.onsuccess = () => {
            opening.result.close();
            resolve('open');
          };
        }),
    );
    assert.is(outcome, 'open');
    assert.is(await loadIn(page), 'storage-newer');
  },
);

chromiumTest('a page without storage of its own gets a typed error', async () => {
  assert.is(await loadIn(await openPage('/sandboxed')), 'storage-unavailable');
});

chromiumTest('a rotation keeps the former key through a reload', async () => {
  const page = await openPage();
  const { jkt } = await createIn(page);
  const rotated = await page.evaluate(async () => {
    const { keyPair, former } = await holdfast.rotateKeyPair(holdfast.createIndexedDbKeyStore(), 'main');
    return [keyPair.jkt, former?.jkt];
  });
  assert.is(rotated[1], jkt);
  await page.reload();
  await page.waitForFunction(() => 'holdfast' in globalThis);
  assert.is(await loadIn(page), rotated[0]);
  const former = await page.evaluate(async () => {
    const found = await holdfast.createIndexedDbKeyStore().load(holdfast.formerKeyName('main'));
    return found?.jkt;
  });
  assert.is(former, jkt);
});

test.run();
