import type { World } from '../engine/world.ts';
import type { Attempt, Theft } from '../theft.ts';

/** A page of somebody else's that makes Alice's browser send a request. */

const order = JSON.stringify({ to: 'mallory', amount: 900 });

async function postForm(world: World): Promise<Attempt> {
  const { alice, network, origins, scheme, books, recorder } = world;
  await alice.call('/accounts');
  const cookies = alice.cookiesFor(`${origins.bank}/transfer`, 'none');
  const headers = [
    ['host', new URL(origins.bank).host] as const,
    ['origin', 'https://prizes.example'] as const,
    ['content-type', 'text/plain'] as const,
    ...(cookies === '' ? [] : [['cookie', cookies] as const]),
  ];
  recorder.say('thief', "A page of the thief's makes Alice's browser post a form to the bank.");
  await network.send(alice.sender, 'bank-a', scheme, {
    method: 'POST',
    path: '/transfer',
    headers,
    body: order,
  });
  if (books.transfers.some(({ from, to }) => from === 'alice' && to === 'mallory'))
    return { result: 'success', decidedBy: null };
  const stayed = alice.cookiesFor(`${origins.bank}/transfer`, 'strict');
  const { decidedBy = null } = recorder.exchanges().findLast(({ from }) => from === 'alice') ?? {};
  // Where the token is in a cookie, the browser has decided by keeping it at home.
  const isKeptBack = world.profile.settings.carriedBy !== 'header' && cookies === '' && stayed !== '';
  return { result: 'refused', decidedBy: isKeptBack ? 'samesite' : decidedBy };
}

export const crossSiteForm: Theft = {
  id: 'T24',
  slug: 'csrf',
  title: 'Form posted from a hostile page',
  group: 'Hostile script, hostile page',
  ability: "Get Alice to open a page of the thief's.",
  loot: ['cookies'],
  steps: [
    'Alice is signed in at the bank, and opens a hostile page.',
    'The page posts a transfer to Mallory as a plain form.',
    'The browser adds the cookies that may go along from another site, and nothing else.',
  ],
  why: 'What a browser sends by itself must not be enough: no form can carry a token, a proof or a SameSite cookie.',
  aim: 'access',
  timed: false,
  run: postForm,
};
