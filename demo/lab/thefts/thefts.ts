import type { Theft } from '../theft.ts';
import { deviceThefts } from './device.ts';
import { scriptThefts } from './hostile-script.ts';
import { serverThefts } from './servers.ts';
import { tokenThefts } from './token-alone.ts';
import { requestThefts } from './whole-requests.ts';

/** Every theft, in the order of the matrix. */
export const thefts: readonly Theft[] = [
  ...tokenThefts,
  ...requestThefts,
  ...scriptThefts,
  ...deviceThefts,
  ...serverThefts,
];
