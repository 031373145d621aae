import type { DpopSettings, Profile, ProtectionMaker } from '../profile.ts';
import { labMemory } from '../protections/lab-memory.ts';
import { anyAlgorithm, bearerAccepted } from '../protections/loose-tokens.ts';
import { symmetricToken } from '../protections/symmetric-token.ts';
import { takeFirst, takeUnderName, withoutClaims } from '../protections/taken-uses.ts';
import { urlFromHost } from '../protections/url-from-host.ts';
import { baseDpop, createProfile, type ProfileText } from './base.ts';

/** DPoP with one thing done wrong, as it has been done wrong elsewhere: each is D5 but for that. */

function mistake(
  text: Omit<ProfileText, 'group' | 'basedOn'>,
  dpop: Partial<DpopSettings> = {},
  protections: readonly ProtectionMaker[] = [],
): Profile {
  const whole = { group: 'DPoP done wrong', basedOn: 'D5', ...text } as const;
  return createProfile(whole, { dpop: { ...baseDpop, ...dpop } }, protections);
}

/** Uses are taken by a layer of the lab, in the library's own memory. */
const takenByLayer = {
  createStore: (clock: () => number) => withoutClaims(baseDpop.createStore(clock)),
} as const;

export const mistakeProfiles: readonly Profile[] = [
  mistake(
    {
      id: 'DB1',
      slug: 'refresh-unbound',
      title: 'Refresh token not bound',
      story: 'Access tokens are bound to the key; the refresh token is good with any key.',
      needs: 'Nothing: it is what happens when the token endpoint does not compare keys.',
      weak: 'A stolen refresh token gets an access token that is properly bound, to the key of the thief.',
      leavesOut: ['rt jkt'],
    },
    { boundRefresh: false },
  ),
  mistake(
    {
      id: 'DB2',
      slug: 'bearer-accepted',
      title: 'Bound token accepted as bearer',
      story: 'A gateway in front checks tokens under the scheme Bearer, and does not look at their binding.',
      needs: 'Nothing: it is what a layer does that knew bearer tokens before there were others.',
      weak: 'Whoever has the token leaves the proof away.',
      leavesOut: ['scheme'],
    },
    {},
    [bearerAccepted],
  ),
  mistake(
    {
      id: 'DB3',
      slug: 'entry-too-short',
      title: 'Entry shorter than the life of the proof',
      story: 'A used proof is remembered for five minutes from its arrival, though it may live for longer.',
      needs: 'Nothing: the one window is counted from now, the other from the date in the proof.',
      weak: 'A proof that was dated ahead is forgotten before it dies.',
      leavesOut: ['jti'],
    },
    { createStore: labMemory({ faults: ['counts from arrival'] }) },
  ),
  mistake(
    {
      id: 'DB4',
      slug: 'jti-of-everybody',
      title: 'One jti for all keys',
      story: 'Used proofs are remembered by their jti alone, and not by key and jti.',
      needs: 'Nothing: the name of the entry is the claim as it came.',
      weak: "Whoever sees Alice's jti first uses it with a key of his own, and she is refused.",
      leavesOut: ['jti'],
    },
    takenByLayer,
    [takeUnderName((_call, jti) => ['', jti])],
  ),
  mistake(
    {
      id: 'DB5',
      slug: 'jti-with-query',
      title: 'Used once for each query',
      story: 'Used proofs are remembered together with the target, and the target has a query.',
      needs: 'Nothing: it looks more exact than the jti alone.',
      weak: 'The proof does not cover the query, so another query makes it unused again.',
      leavesOut: ['jti'],
    },
    takenByLayer,
    [takeUnderName(({ ctx }, jti, jkt) => [jkt, `${jti} ${ctx.originalUrl}`])],
  ),
  mistake(
    {
      id: 'DB6',
      slug: 'dpop-shared-secret',
      title: 'Access token under a shared secret (HS256)',
      story: 'The token that names the key is signed with a secret that every server knows.',
      needs: 'The same secret at the issuer and at each server, changed everywhere at once.',
      weak: 'Whoever reads the secret at any server writes tokens for any user, bound to a key of his own.',
      leavesOut: ['sig'],
    },
    {},
    [symmetricToken],
  ),
  mistake(
    {
      id: 'DB7',
      slug: 'any-algorithm',
      title: 'Any algorithm accepted',
      story: 'The server takes the algorithm of a token from the token: none, or HS256 with the public key.',
      needs: 'Nothing: it is what a JWT library does that is not told which algorithms to accept.',
      weak: 'Whoever has nothing at all writes tokens for any user.',
      leavesOut: ['alg'],
    },
    {},
    [anyAlgorithm],
  ),
  mistake(
    {
      id: 'DB8',
      slug: 'look-then-store',
      title: 'Look first, store later',
      story: 'The server asks whether a proof was used, and writes it down in a second step.',
      needs: 'Nothing: two calls to a store that each are right.',
      weak: 'Copies that arrive at the same moment all find that nobody was there.',
      leavesOut: ['jti'],
    },
    { createStore: labMemory({ faults: ['looks before it stores'] }) },
  ),
  mistake(
    {
      id: 'DB9',
      slug: 'spent-too-early',
      title: 'Use taken before the other checks',
      story: 'The jti is taken first and the rest is checked afterwards, to refuse copies cheaply.',
      needs: 'Nothing: the cheapest check comes first.',
      weak: "A bad request with Alice's proof spends it; and the date in it cannot yet be counted from.",
      leavesOut: ['jti'],
    },
    { createStore: (clock) => withoutClaims(labMemory()(clock)) },
    [takeFirst],
  ),
  mistake(
    {
      id: 'DB10',
      slug: 'url-from-host',
      title: 'URL taken from the Host header',
      story: 'The server builds the URL that the proof must name from what the request says of itself.',
      needs: 'Nothing: it saves telling the server its own name.',
      weak: 'A server that received a proof sends it on under its own name, and it fits.',
      leavesOut: ['host'],
    },
    {},
    [urlFromHost],
  ),
];
