import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Context } from 'koa';
import { ApiError } from './api-error.ts';

/** The files of the page: scripts as compiled, next to this file; what is not compiled, from the sources. */

const compiled = new URL('../', import.meta.url);
// This file runs from .build/demo/lab/server.
const sources = new URL('../../../../demo/lab/', import.meta.url);

/** Where they are, for the report, which is the page in one file. */
export const pageFolders: { readonly scripts: URL; readonly texts: URL } = {
  scripts: new URL('page/', compiled),
  texts: new URL('page/', sources),
};

/** What `npm run lab` and the page compare with: a report, committed. */
export const expectationFile: URL = new URL('expectation.json', sources);

const types: Readonly<Record<string, string>> = {
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  json: 'application/json; charset=utf-8',
};

/** Paths below /lab and the files that they stand for: what is not in it does not exist. */
export type PageFiles = ReadonlyMap<string, URL>;

export function listPageFiles(): PageFiles {
  return new Map([
    ['/lab', new URL('index.html', pageFolders.texts)],
    ...list('page/', compiled, /^[\w-]+(?:\/[\w-]+)*\.js$/),
    ...list('page/', sources, /^[\w-]+(?:\/[\w-]+)*\.css$/),
    // Formats without a need for a server: the page makes them by itself.
    ...list('report/', compiled, /^(?:csv|markdown|summary)\.js$/),
  ]);
}

function list(folder: string, base: URL, pattern: RegExp): readonly (readonly [string, URL])[] {
  const from = new URL(folder, base);
  if (!existsSync(from)) return [];
  return readdirSync(fileURLToPath(from), { recursive: true, encoding: 'utf8' })
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => pattern.test(name))
    .map((name) => [`/lab/${folder}${name}`, new URL(name, from)] as const);
}

export async function answerFile(ctx: Context, files: PageFiles): Promise<void> {
  const file = files.get(ctx.path);
  if (file === undefined) throw new ApiError(404, 'There is no such page.');
  return answerFrom(ctx, file);
}

/** Asked for each time, sent again only where it changed: a build is seen at once. */
export async function answerFrom(ctx: Context, file: URL): Promise<void> {
  const content = await readOrNothing(file);
  if (content === undefined) throw new ApiError(404, 'There is no such file here.');
  if (!ctx.res.hasHeader('cache-control')) ctx.set('cache-control', 'no-cache');
  ctx.set('etag', `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`);
  ctx.status = 200;
  ctx.type = types[file.pathname.split('.').at(-1) ?? ''] ?? 'application/octet-stream';
  if (ctx.fresh) ctx.status = 304;
  else ctx.body = content;
}

async function readOrNothing(file: URL): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
