import { register } from 'node:module';
import type { CheckId } from '../model.ts';

/**
 * The library as it is, and copies of it in which single checks of the proof do not count. No option of the library can
 * do that: a copy is loaded as modules of its own, through a module hook that the lab alone installs, and changes one
 * list on its way in. What is left out is still run, so that an explanation can show what it would have said.
 */

type Core = typeof import('holdfast');
type Adapter = typeof import('holdfast/koa');
export type Library = Pick<Core, 'createResourceServer' | 'explainProof'> & Pick<Adapter, 'requireDpop'>;

/** The names that the library gives to the checks behind each short word. */
const checksOf: Readonly<Record<string, readonly string[]>> = {
  'proof sig': ['signature'],
  jkt: ['key binding'],
  htm: ['htm'],
  htu: ['htu well-formed', 'htu'],
  ath: ['ath'],
  iat: ['not too old', 'not from the future', 'within memory'],
};

/** What can be left out. */
export const ablatableChecks: readonly CheckId[] = Object.keys(checksOf);

/** What the library calls the checks that a copy leaves out. */
export function namesOf(without: readonly CheckId[]): readonly string[] {
  return without.flatMap((check) => checksOf[check] ?? []);
}

const loaded = new Map<string, Promise<Library>>();

/** The library without these checks; without any: the library itself. */
export function loadLibrary(without: readonly CheckId[]): Promise<Library> {
  const known = without.filter((check) => check in checksOf).sort();
  const name = known.join('+');
  const library = loaded.get(name) ?? load(known);
  loaded.set(name, library);
  return library;
}

async function load(without: readonly CheckId[]): Promise<Library> {
  const query =
    without.length === 0 ? '' : `?${new URLSearchParams({ without: namesOf(without).join(',') })}`;
  if (query !== '') installHook();
  const core = (await import(entry('holdfast', query))) as Core;
  const adapter = (await import(entry('holdfast/koa', query))) as Adapter;
  const { createResourceServer, explainProof } = core;
  return { createResourceServer, explainProof, requireDpop: adapter.requireDpop };
}

function entry(name: string, query: string): string {
  return `${import.meta.resolve(name)}${query}`;
}

let isInstalled = false;

function installHook(): void {
  if (isInstalled) return;
  isInstalled = true;
  const root = new URL('.', import.meta.resolve('holdfast')).href;
  register('./library-hook.js', import.meta.url, { data: { root } });
}
