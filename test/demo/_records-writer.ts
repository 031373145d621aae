import { once } from 'node:events';
import { openRecords } from '../../demo/state/records.ts';

/** A process of its own with a state file: says `open`, or why not; then writes, and says what it has written. */

const [, , stateFile = '', count = '0'] = process.argv;

async function main(): Promise<void> {
  const { store } = await openRecords({ stateFile });
  console.log('open');
  for (let n = 0; n < Number(count); n++) {
    await store.insert(`key ${n}`, { n, text: 'x'.repeat(500) }, Date.now() / 1000 + 600);
    console.log(`written ${n}`);
  }
  await once(process.stdin.resume(), 'end'); // until its parent ends it, or ends
}

try {
  await main();
} catch (error) {
  console.log((error as Error).message);
}
