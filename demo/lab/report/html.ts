import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Catalogue, CheckInfo, Recording, Report } from '../model.ts';
import { pageFolders } from '../server/page-files.ts';

/** The page in one file, with a report instead of a server behind it. It asks nobody for anything. */

/** What stands in `<script type="application/json" id="lab-data">`. */
export interface PageData {
  readonly catalogue: Catalogue;
  readonly report: Report;
  readonly recordings: readonly Recording[];
}

export async function toHtml(
  report: Report,
  recordings: readonly Recording[],
  checks: readonly CheckInfo[],
): Promise<string> {
  const page = await readFile(new URL('index.html', pageFolders.texts), 'utf8');
  const script = await readScript();
  const style = await readStyles(page);
  const data = toData({ catalogue: toCatalogue(report, checks), report, recordings });
  // Functions: a text would have its `$` replaced.
  return page
    .replace(stylesheetLinks, '')
    .replace(scriptTags, '')
    .replace(ownLinks, '')
    .replace(
      /<head>/i,
      (head) => `${head}\n<meta http-equiv="Content-Security-Policy" content="${policy(script, style)}">`,
    )
    .replace(/<\/head>/i, (head) => `<style>${style}</style>\n${head}`)
    .replace(/<\/body>/i, (body) => `${data}\n<script type="module">${script}</script>\n${body}`);
}

const stylesheetLinks = /<link\b[^>]*\brel="stylesheet"[^>]*>\s*/gi;
const scriptTags = /<script\b[^>]*\bsrc="[^"]*"[^>]*>\s*<\/script>\s*/gi;
const ownLinks = /<link\b[^>]*\bhref="(?!data:)[^"]*"[^>]*>\s*/gi;

function policy(script: string, style: string): string {
  return [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    'img-src data: blob:',
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ');
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/** Nothing in it can end the element that it stands in, or begin another. */
function toData(data: PageData): string {
  const json = JSON.stringify(data).replaceAll('<', '\\u003c');
  return `<script type="application/json" id="lab-data">${json}</script>`;
}

function toCatalogue(report: Report, checks: readonly CheckInfo[]): Catalogue {
  const { profiles, thefts, honestTests: honest, tool } = report;
  return { version: tool.version, profiles, thefts, honest, checks };
}

/** All that the page loads, in its order. */
async function readStyles(page: string): Promise<string> {
  const names = [...page.matchAll(stylesheetLinks)].map(
    ([link]) => /\bhref="(?:[^"]*\/)?page\/([\w/-]+\.css)"/.exec(link)?.[1],
  );
  const known = names.filter((name) => name !== undefined);
  const styles = await Promise.all(known.map((name) => readFile(new URL(name, pageFolders.texts), 'utf8')));
  return styles.join('\n').replaceAll(/<\/style/gi, '<\\/style');
}

let bundled: Promise<string> | undefined;

/** Bundled once in the life of a process, and only where somebody wants it: it takes a moment. */
function readScript(): Promise<string> {
  bundled ??= bundlePage();
  return bundled;
}

async function bundlePage(): Promise<string> {
  const { build } = await import('rolldown');
  const { output } = await build({
    input: fileURLToPath(new URL('main.js', pageFolders.scripts)),
    platform: 'browser',
    write: false,
    output: { format: 'esm', minify: true, codeSplitting: false },
  });
  return output[0].code.replaceAll(/<\/script/gi, '<\\/script').replaceAll('<!--', '<\\!--');
}
