import type { ResourceServer } from 'holdfast';
import type { BankNode } from '../engine/bank.ts';
import { refuse } from '../engine/refusal.ts';
import type { ProtectionMaker } from '../profile.ts';

/** The server takes its own name from the `Host` header: a library guard for each name that somebody sends. */
export const urlFromHost: ProtectionMaker = (world) => {
  const known = new WeakMap<BankNode, Map<string, ResourceServer>>();
  return {
    guard: async (call) => {
      const { node } = call;
      const servers = known.get(node) ?? new Map<string, ResourceServer>();
      known.set(node, servers);
      const origin = `${world.scheme}://${call.header('host') ?? ''}`;
      const server = servers.get(origin) ?? createServer(node, origin);
      servers.set(origin, server);
      await node.authorizeWith(server, call);
    },
  };
};

function createServer(node: BankNode, publicOrigin: string): ResourceServer {
  try {
    return node.createServer({ publicOrigin });
  } catch {
    return refuse('host', 400, { error: 'invalid_request' });
  }
}
