import { createFileKeyStore } from '../../src/client/file-key-store.ts';
import { loadOrCreateKeyPair } from '../../src/client/key-stores.ts';

/** A process that makes a key as soon as it is told to, and says which one it got. Its argument: the folder. */

const [, , folder = ''] = process.argv;
process.stdout.write('ready\n');
await new Promise((resolve) => process.stdin.once('data', resolve));
const { keyPair, origin } = await loadOrCreateKeyPair(createFileKeyStore({ folder }), 'main');
process.stdout.write(`${origin} ${keyPair.jkt}\n`);
process.stdin.destroy();
