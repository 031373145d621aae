import { weighMemory } from './memory.ts';

/** `node --expose-gc weigh.js KIND CAPACITY`: a process for each kind, so that one's garbage is not another's. */

const [, , kind = '', capacity] = process.argv;
process.stdout.write(JSON.stringify(await weighMemory(kind, Number(capacity))));
