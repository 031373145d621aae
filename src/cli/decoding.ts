/** Parts of a JWS as they are, however broken: for showing them, never for deciding by them. */

export type Json = Readonly<Record<string, unknown>>;

/** The header (0) or payload (1), or `undefined` when it is no JSON object. */
export function readPart(jws: string, index: 0 | 1): Json | undefined {
  const segments = jws.split('.');
  if (segments.length !== 3) return undefined;
  try {
    return asObject(JSON.parse(Buffer.from(segments[index] as string, 'base64url').toString()));
  } catch {
    return undefined;
  }
}

/** A JSON object as such; anything else is `undefined`. */
export function asObject(value: unknown): Json | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined;
}
