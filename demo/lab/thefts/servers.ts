import type { Theft } from '../theft.ts';
import { forgedProof, harmfulThefts } from './one-proof.ts';
import { keyThefts } from './server-keys.ts';
import { memoryThefts } from './server-memory.ts';

/** Thefts from servers, and through what servers forget or get wrong. */
export const serverThefts: readonly Theft[] = [...keyThefts, ...memoryThefts, forgedProof, ...harmfulThefts];
