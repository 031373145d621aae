import type { JWK } from 'jose';

/**
 * THIS KEY IS PUBLIC KNOWLEDGE: it stands in a source text. Whoever has read it can be `demo-web`.
 *
 * It lets the demo show `private_key_jwt` without any setting. Anything else than a demo makes its own key pair, keeps
 * the private half to itself and registers the public one (here: `DEMO_WEB_JWK`).
 */
export const demoWebPrivateJwk: JWK = Object.freeze({
  kty: 'EC',
  crv: 'P-256',
  x: 'Rj_ji6Zrs5iHN0kfckk-XhudCcY2fB7S961fpi-uBQU',
  y: 'awOpIwO7rBoqnF7EX5Rn4OKXFWon3_5icXpx76gkJWs',
  d: '59dSqQtixsARK7GOfBSJgN1bMY1lilTw4O6cQLjLEJw',
  kid: 'demo-web-throw-away-key',
});

const { d: _private, ...publicMembers } = demoWebPrivateJwk;

/** What the authorization server knows of it. */
export const demoWebPublicJwk: JWK = Object.freeze(publicMembers);
