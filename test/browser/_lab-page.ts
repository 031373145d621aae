import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createLabEngine } from '../../demo/lab/engine/lab-engine.ts';
import { startLab } from '../../demo/lab/server/lab-server.ts';
import { chromiumInstalled, startChromium, withChromium } from './_chromium.ts';

/** The lab as a reader has it: the real engine behind its own server, in a real browser that reaches nobody else. */

export interface LabBrowser {
  /** `http://127.0.0.1:PORT` */
  readonly origin: string;
  readonly context: BrowserContext;
  /** Thrown away with the browser. */
  readonly folder: string;
  /** What the browser has asked of anybody but this machine since this was last called. */
  readonly takeOutside: () => readonly string[];
}

interface Closable {
  close(): Promise<unknown>;
}

export interface LabSuite {
  /** A test with a page of its own: no error may show on it, and nobody else may be asked. */
  readonly test: (title: string, run: (page: Page, lab: LabBrowser) => Promise<void>) => void;
  readonly run: () => void;
}

/** One browser and one engine for all tests of a file. */
export function labSuite(name: string): LabSuite {
  const test = suite(name);
  const browserTest = withChromium(test);
  const opened: Closable[] = [];
  let lab: LabBrowser | undefined;
  test.before(async () => {
    if (chromiumInstalled) lab = await openLab(opened);
  });
  test.after(async () => {
    for (const part of opened.toReversed()) await part.close();
  });
  return {
    test: (title, run) => browserTest(title, () => onPage(lab as LabBrowser, run)),
    run: () => test.run(),
  };
}

async function openLab(opened: Closable[]): Promise<LabBrowser> {
  const folder = await mkdtemp(join(tmpdir(), 'lab-page-'));
  opened.push({ close: () => rm(folder, { recursive: true, force: true }) });
  const lines: string[] = [];
  const createEngine = async () => createLabEngine();
  const log = (line: string): void => void lines.push(line);
  const lab = await startLab({ host: '127.0.0.1', port: 0, createEngine, log });
  opened.push(lab);
  const rest = await openRest();
  opened.push(rest);
  const context = await startChromium(join(folder, 'profile'), rest.flags);
  opened.push(context);
  return { origin: lab.origin, context, folder, takeOutside: rest.take };
}

interface Rest extends Closable {
  readonly take: () => readonly string[];
  /** That make Chromium take it for everybody. */
  readonly flags: readonly string[];
}

// What it asks of its maker by itself, whatever page it shows; pages get fonts and scripts from there, not from these.
const ofChromiumItself =
  /^[A-Z]+ (?:http:\/\/)?(?!fonts\.|ajax\.)[\w.-]+\.(?:google|googleapis|gvt1)\.com[:/]/;

/** A proxy that stands for the rest of the world. Chromium does not ask it for what is on this machine. */
async function openRest(): Promise<Rest> {
  const asked: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined); // a browser that has gone is no news
    socket.once('data', (head: Buffer) => {
      const line = head.toString('latin1').split('\r\n')[0] ?? '';
      if (!ofChromiumItself.test(line)) asked.push(line);
      socket.end('HTTP/1.1 502 Nobody\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    });
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const names = 'MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost';
  const flags = [`--proxy-server=http://127.0.0.1:${port}`, `--host-resolver-rules=${names}`];
  return { take: () => asked.splice(0), flags, close: () => new Promise((resolve) => server.close(resolve)) };
}

async function onPage(lab: LabBrowser, run: (page: Page, lab: LabBrowser) => Promise<void>): Promise<void> {
  const page = await lab.context.newPage();
  const complaints = watch(page, [`${lab.origin}/`, `blob:${lab.origin}/`]);
  try {
    await page.setViewportSize({ width: 1280, height: 800 });
    await run(page, lab);
    assert.equal([...complaints, ...lab.takeOutside()], []);
  } finally {
    await forget(page, lab);
    await page.close();
  }
}

/** What a reader has chosen is not there for the next one. */
async function forget(page: Page, { origin }: LabBrowser): Promise<void> {
  if (page.url().startsWith(origin)) await page.evaluate(() => localStorage.clear());
}

/** Everything that a page may not do: show an error, warn, open a dialog, ask what does not begin with one of these. */
export function watch(page: Page, allowed: readonly string[]): readonly string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`uncaught ${error.message}`));
  page.on('console', (line) => {
    if (['error', 'warning'].includes(line.type())) complaints.push(`${line.text()} ${line.location().url}`);
  });
  page.on('dialog', (dialog) => {
    complaints.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!allowed.some((start) => request.url().startsWith(start))) complaints.push(`asks ${request.url()}`);
  });
  return complaints;
}

/** Loads the page anew at this address, `#/matrix`. */
export async function open(page: Page, { origin }: LabBrowser, hash = ''): Promise<void> {
  await page.goto('about:blank');
  await page.goto(`${origin}/lab${hash}`);
  await page.getByRole('navigation', { name: 'Views' }).getByRole('link').first().waitFor();
}

export async function press(page: Page, ...keys: readonly string[]): Promise<void> {
  for (const key of keys) await page.keyboard.press(key);
}

/** Until the button of this name has the focus. */
export async function focused(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).and(page.locator(':focus')).waitFor();
}

/** Until the story has come to this, for those who see it. */
export async function toldByHeading(page: Page, headline: string): Promise<void> {
  await page.getByRole('heading', { name: headline, exact: true }).waitFor();
}
