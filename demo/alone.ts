import type { DemoConfig } from './config.ts';
import { type DemoServers, startServers } from './servers.ts';
import type { Verdict } from './story.ts';

/** The demo as the story sees it, whether one process runs it or many. */
export interface RunningDemo extends Pick<DemoServers, 'authorizationOrigin' | 'resourceOrigin' | 'close'> {
  readonly takeDecision: () => Verdict | undefined | Promise<Verdict | undefined>;
  /** From now on logs each request: the story tells of its own ones. */
  readonly talk: () => void;
}

/** Both servers in this process. */
export async function startAlone(config: DemoConfig): Promise<RunningDemo> {
  let last: Verdict | undefined;
  let chatty = false;
  const servers = await startServers(config, {
    log: (line) => chatty && console.log(line),
    decided: (decision) => {
      last = decision;
    },
  });
  return {
    ...servers,
    takeDecision: () => {
      const taken = last;
      last = undefined;
      return taken;
    },
    talk: () => {
      chatty = true;
    },
  };
}
