/** The part of the client that needs files: a key store for command lines and agents on Node, Deno and Bun. */
export { createFileKeyStore, type FileKeyStoreOptions } from './file-key-store.ts';
