/**
 * Node's own crypto, where there is one. Its synchronous calls cost far less CPU than WebCrypto's, which take a trip
 * through a thread pool for each (bench/README.md has the figures). Asked of the process and not imported, so that
 * the same files run in browsers and workers, which have WebCrypto alone.
 */
export interface NodeCrypto {
  hash(algorithm: 'sha256', text: string, encoding: 'base64url'): string;
  createPublicKey(input: { readonly key: object; readonly format: 'jwk' }): object;
  verify(digest: 'sha256' | null, data: Uint8Array, key: object, signature: Uint8Array): boolean;
  readonly constants: { readonly RSA_PKCS1_PSS_PADDING: number };
}

/** What a runtime may have: Node, Deno and Bun hand out their built-in modules this way. */
interface Runtime {
  readonly process?: { readonly getBuiltinModule?: (name: string) => unknown };
}

const needed = ['hash', 'createPublicKey', 'verify', 'constants'] as const;

/** Finds the module, or `undefined` where this runtime has none or an older one. */
export function findNodeCrypto(runtime: Runtime): NodeCrypto | undefined {
  const found = runtime.process?.getBuiltinModule?.('node:crypto') as Partial<NodeCrypto> | undefined;
  const complete = needed.every((name) => found?.[name] !== undefined);
  return complete ? (found as NodeCrypto) : undefined;
}

export const nodeCrypto: NodeCrypto | undefined = findNodeCrypto(globalThis as Runtime);
