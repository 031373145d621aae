import { readConfig } from '../../demo/config.ts';
import { startServers } from '../../demo/servers.ts';

/** A demo as a process of its own, by its environment; it ends with the process that started it. */

const { ports } = await startServers(readConfig(process.env), {
  log: (line) => process.send?.({ line }),
});
process.once('disconnect', () => process.exit(0));
process.send?.({ ports });
