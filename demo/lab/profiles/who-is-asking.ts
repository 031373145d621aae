import type { CheckInfo } from '../model.ts';
import { minutes, type Profile } from '../profile.ts';
import { addressClaim } from '../protections/address-claim.ts';
import { alertOtherAddresses, refuseOtherAddresses } from '../protections/address-list.ts';
import { addressByAnybody, addressByOwnProxy } from '../protections/client-address.ts';
import { homeCountry } from '../protections/home-country.ts';
import { stepUp } from '../protections/step-up.ts';
import { createProfile } from './base.ts';

/** Where a request comes from, and whether its sender can show a little more than the token. */

const group = 'Who is asking';

const tls = createProfile(
  {
    id: 'M11',
    slug: 'tls',
    title: 'TLS',
    group,
    story: 'Everything on the wire is encrypted; who listens there learns nothing.',
    needs: 'A certificate for each server, and nothing of the application.',
    weak: 'It ends at the first proxy, and the token lies open again in each log, page and memory.',
    basedOn: 'M00',
    adds: ['tls'],
  },
  { scheme: 'https' },
);

const list = createProfile(
  {
    id: 'M13',
    slug: 'address-list',
    title: 'Address list',
    group,
    story: 'Only the address that a sign-in came from may use its tokens, and refresh them.',
    needs: 'The true address of each client, and a list that the bank and the issuer share.',
    weak: 'Everybody behind the same router has the same address, and Alice on the move has another.',
    basedOn: 'M00',
    adds: ['ip'],
  },
  {},
  [addressByOwnProxy, refuseOtherAddresses()],
);

const claim = createProfile(
  {
    id: 'M14',
    slug: 'address-claim',
    title: 'Address in the token',
    group,
    story: 'The token names the address that it was issued to, and no other may use it.',
    needs: 'The true address of each client; nothing is stored.',
    weak: 'The issuer writes the address of whoever brings the refresh token, also of a thief.',
    basedOn: 'M00',
    adds: ['ip'],
  },
  {},
  [addressByOwnProxy, addressClaim],
);

const captcha = createProfile(
  {
    id: 'M15',
    slug: 'captcha',
    title: 'Address list with CAPTCHA',
    group,
    story: 'From a new address a CAPTCHA has to be solved once, then the address is on the list.',
    needs: 'A page that asks, and an interruption for each network that Alice comes to.',
    weak: 'It shows that somebody is human, not that it is Alice; a thief is human too.',
    basedOn: 'M13',
    adds: ['captcha'],
  },
  {},
  [addressByOwnProxy, stepUp('captcha')],
);

const password = createProfile(
  {
    id: 'M16',
    slug: 'step-up',
    title: 'Address list with password',
    group,
    story: 'From a new address the password is asked for once, then the address is on the list.',
    needs: 'A page that asks, and an interruption for each network that Alice comes to.',
    weak: 'People who are often asked for their password give it to whoever asks.',
    basedOn: 'M13',
    adds: ['password'],
  },
  {},
  [addressByOwnProxy, stepUp('password')],
);

const cached = createProfile(
  {
    id: 'M17',
    slug: 'kept-address-verdict',
    title: 'Address list, verdict kept five minutes',
    group,
    story: 'Once an address was found good for a token, nobody looks again for five minutes.',
    needs: 'A cache at each server, which saves a look at the list.',
    weak: "The verdict is kept by the token alone, so Alice's own request opens the door to the thief.",
    basedOn: 'M13',
    adds: ['ip'],
  },
  {},
  [addressByOwnProxy, refuseOtherAddresses({ keptFor: minutes(5), keptBy: 'token' })],
);

const alert = createProfile(
  {
    id: 'M18',
    slug: 'address-alert',
    title: 'New address: alert only',
    group,
    story: 'A request from a new address is let in, and Alice is told of it at once.',
    needs: 'A list of known addresses, and somebody who reads the alerts.',
    weak: 'It stops nothing: it only makes the time short until somebody can.',
    basedOn: 'M13',
    leavesOut: ['ip'],
  },
  {},
  [addressByOwnProxy, alertOtherAddresses],
);

const country = createProfile(
  {
    id: 'M19',
    slug: 'country',
    title: 'Home country only',
    group,
    story: 'Requests are taken only from the country that Alice first signed in from.',
    needs: 'A table of which addresses are in which country.',
    weak: 'Any rented server in the right country will do, and Alice on holiday is shut out.',
    basedOn: 'M00',
    adds: ['geo'],
  },
  {},
  [addressByOwnProxy, homeCountry],
);

const forwarded = createProfile(
  {
    id: 'M20',
    slug: 'forwarded-address',
    title: 'Address list, X-Forwarded-For believed',
    group,
    story: 'The bank reads the address from X-Forwarded-For, as app.proxy = true makes Koa do.',
    needs: 'One setting, which is meant for servers that only a proxy can reach.',
    weak: 'Everybody can write that header: the first entry is whatever the sender wants it to be.',
    basedOn: 'M13',
    adds: ['ip'],
  },
  {},
  [addressByAnybody, refuseOtherAddresses()],
);

export const networkProfiles: readonly Profile[] = [
  tls,
  list,
  claim,
  captcha,
  password,
  cached,
  alert,
  country,
  forwarded,
];

export const networkChecks: readonly CheckInfo[] = [
  {
    id: 'tls',
    title: 'TLS',
    meaning: 'What goes over the wire is encrypted: whoever listens there finds no token in it.',
    section: 'RFC 6750 5.3',
  },
  {
    id: 'ip',
    title: 'Address',
    meaning: 'The request must come from the network address that the token was issued to or signed in from.',
  },
  {
    id: 'captcha',
    title: 'CAPTCHA',
    meaning: 'From an address that is not known, somebody must first show once that a human is there.',
  },
  {
    id: 'password',
    title: 'Password again',
    meaning: 'From an address that is not known, the password must first be given once more.',
  },
  {
    id: 'geo',
    title: 'Country',
    meaning: 'The request must come from an address in the country that the customer first signed in from.',
  },
];
