import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type BrowserContext, chromium } from 'playwright-core';
import { build } from 'rolldown';
import type { Test } from 'uvu';

/** A real browser, headless, and pages for it on loopback. */

const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** Whether there is a Chromium to start: Debian's, or the one that the variable CHROMIUM names. */
export const chromiumInstalled: boolean = existsSync(executablePath);

/** Registers tests of a suite that need Chromium: without it they are skipped, and say why. */
export function withChromium<T>(test: Test<T>): (title: string, run: Parameters<Test<T>>[1]) => void {
  return (title, run) => {
    if (chromiumInstalled) test(title, run);
    else test.skip(`${title} (skipped: chromium is not installed)`, run);
  };
}

/** Starts a browser that keeps its storage in a folder; a later one on the same folder finds it again. */
export function startChromium(folder: string, more: readonly string[] = []): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, {
    executablePath,
    // It calls nobody but us. In containers it has no sandbox of its own.
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      ...more,
    ],
  });
}

/** One minified module of what `entry` exports, as a page would get it. */
export async function bundle(entry: string): Promise<string> {
  const { output } = await build({
    input: 'entry',
    platform: 'browser',
    write: false,
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === 'entry' ? id : undefined),
        load: (id) => (id === 'entry' ? entry : undefined),
      },
    ],
    output: { format: 'esm', minify: true },
  });
  return output[0].code;
}

/** What a path answers: a type, a text, and further headers. */
export interface Page {
  readonly type: string;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface PageServer {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  stop(): Promise<void>;
}

/** What a browser asks for by itself, such as an icon. */
const missing: Page = { type: 'text/plain', text: '' };

export async function servePages(pages: Readonly<Record<string, Page>>): Promise<PageServer> {
  const server: Server = createServer(({ url = '' }, response) => {
    const { type, text, headers } = pages[url] ?? missing;
    response.writeHead(200, { 'Content-Type': type, ...headers }).end(text);
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
