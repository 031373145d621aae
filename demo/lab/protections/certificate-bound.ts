import type { TLSSocket } from 'node:tls';
import type { BankCall } from '../engine/bank-call.ts';
import { certificateThumbprint } from '../engine/certificates.ts';
import { refuse, refuseGrant } from '../engine/refusal.ts';
import type { ProtectionMaker } from '../profile.ts';
import { sign, verify } from './own-token.ts';

/**
 * Tokens bound to the client's TLS certificate (RFC 8705). The library refuses such tokens, since it cannot confirm the
 * binding; so the lab makes and checks them itself.
 */
export const certificateBound: ProtectionMaker = (world) => ({
  mint: (claims, call) => {
    const { certificate } = call;
    if (certificate === undefined) return refuseGrant('cert');
    return sign(
      world,
      { ...claims, cnf: { [confirmation]: certificate } },
      call,
      world.profile.settings.accessTokenLife,
    );
  },
  guard: async (call) => {
    const claims = await verify(world, call);
    const { cnf } = claims as { readonly cnf?: Readonly<Record<string, unknown>> };
    const shown = thumbprintOf(call);
    if (shown === undefined || cnf?.[confirmation] !== shown) refuse('cert');
    call.claims = claims;
  },
});

const confirmation = 'x5t#S256';

/** Of the certificate that this connection was opened with; a proxy that ends TLS has none to show for Alice. */
function thumbprintOf({ ctx }: BankCall): string | undefined {
  const { getPeerCertificate } = ctx.req.socket as Partial<TLSSocket>;
  const raw = getPeerCertificate?.call(ctx.req.socket)?.raw;
  return raw === undefined ? undefined : certificateThumbprint(raw);
}
