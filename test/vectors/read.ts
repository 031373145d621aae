import { readFile } from 'node:fs/promises';

/** Vectors stay where they are; the compiled tests stand one folder deeper than the repository's own. */
const folder = new URL('../../../test/vectors/', import.meta.url);

/** Reads a file of this folder; what it holds is the caller's to know. */
export async function readVectors<T>(name: string): Promise<T> {
  return JSON.parse(await readFile(new URL(name, folder), 'utf8')) as T;
}

/** A Wycheproof file: groups of tests that share a key. */
export interface Wycheproof<Group> {
  readonly numberOfTests: number;
  readonly testGroups: readonly Group[];
}
