/**
 * Whether a URL is protected in transit: `https:`, or `http:` that stays on this machine. Sender-constrained tokens come
 * on top of TLS and never in its place (RFC 9449 section 2).
 */
export function isSecureUrl({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname)); // [R9449-2-01]
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d+){3}$/.test(hostname);
}
