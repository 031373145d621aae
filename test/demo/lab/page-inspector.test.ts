import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { HeaderLine } from '../../../demo/lab/model.ts';
import { diffRequests, splitDifference } from '../../../demo/lab/page/diff.ts';
import {
  type Exchange,
  findOriginal,
  isReplay,
  toExchanges,
  toTarget,
} from '../../../demo/lab/page/exchange.ts';
import { decodeJwt, findEpoch, findToken } from '../../../demo/lab/page/jwt.ts';
import { timeText } from '../../../demo/lab/page/jwt-view.ts';
import { answer, exchange, recordingOf, request } from './_recording.ts';

/** What the inspector reads out of messages. */

const test = suite('lab page: inspector');

function jwt(header: unknown, claims: unknown, signature = 'c2ln'): string {
  const parts = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'));
  return [...parts, signature].join('.');
}

function sent(headers: readonly HeaderLine[], from: 'alice' | 'thief' = 'alice'): Exchange {
  const [only] = toExchanges(recordingOf([request(1, from, 'bank-a', { headers })]).events);
  if (only === undefined) throw new Error('there is one');
  return only;
}

function marksOf(left: Exchange, right: Exchange): Readonly<Record<string, string>> {
  return Object.fromEntries(diffRequests(left, right).map(({ name, mark }) => [name, mark]));
}

test('reads a JWT without any key, and nothing else as one', () => {
  assert.equal(decodeJwt(jwt({ alg: 'ES256' }, { sub: 'Älice' })), {
    header: { alg: 'ES256' },
    claims: { sub: 'Älice' },
    signature: 'c2ln',
  });
  for (const text of ['opaque', 'a.b.c', jwt([], {}), jwt({}, 'text'), 'a.b.c.d.e', ''])
    assert.is(decodeJwt(text), undefined, text);
});

test('finds the token in the Authorization header, else in a cookie', () => {
  const token = jwt({ alg: 'ES256' }, {});
  assert.equal(findToken([['authorization', `DPoP ${token}`]]), { scheme: 'DPoP', value: token });
  assert.equal(findToken([['cookie', `a=1; at=${token}; b=2`]]), { scheme: 'Cookie', value: token });
  assert.is(findToken([['cookie', 'session=opaque']]), undefined);
});

test('world time at the start is what a server says it is', () => {
  const { events } = recordingOf([request(1, 'alice', 'issuer'), answer(1)]);
  assert.is(findEpoch(events), Date.UTC(2027, 0, 15, 8) / 1000 - 1);
  assert.is(findEpoch(events.slice(0, 1)), undefined);
});

test('times of a token are told from the moment that is looked at', () => {
  assert.is(timeText('iat', 97, 100), '3 s ago');
  assert.is(timeText('exp', 3700, 100), 'in 1 h');
  assert.is(timeText('iat', 100, 100), 'this second');
  assert.is(timeText('amount', 97, 100), undefined);
  assert.is(timeText('iat', 97, undefined), undefined);
});

test('the diff tells the same from the changed, the missing and what the thief has made', () => {
  const left = sent([
    ['accept', 'application/json'],
    ['cookie', 'a=1'],
    ['x', 'one'],
  ]);
  const right = sent(
    [
      ['Accept', 'application/json'],
      ['x', 'two'],
      ['x-forwarded-for', '127.1.0.10'],
    ],
    'thief',
  );
  const marks = marksOf(left, right);
  assert.is(marks['accept'], 'same bytes');
  assert.is(marks['cookie'], 'missing');
  assert.is(marks['x'], 'changed');
  assert.is(marks['x-forwarded-for'], 'made by the thief');
});

test('the diff unfolds JWTs, and a proof by another key is the work of the thief', () => {
  const proof = (x: string, jti: string): HeaderLine[] => [
    ['dpop', jwt({ jwk: { x } }, { htm: 'GET', jti }, x)],
  ];
  const marks = marksOf(sent(proof('alices', '1')), sent(proof('thiefs', '2'), 'thief'));
  assert.is(marks['dpop'], 'made by the thief');
  assert.is(marks['header.jwk'], 'changed');
  assert.is(marks['claim.htm'], 'same bytes');
  assert.is(marks['claim.jti'], 'changed');
  assert.is(marks['signature'], 'changed');
});

test('a copied proof is the same in every member', () => {
  const headers: HeaderLine[] = [['dpop', jwt({ jwk: { x: 'alices' } }, { jti: '1' })]];
  const rows = diffRequests(sent(headers), sent(headers, 'thief'));
  assert.ok(rows.every(({ mark }) => mark === 'same bytes'));
});

test('two texts differ in their middles', () => {
  assert.equal(splitDifference('127.1.0.10', '127.2.0.66'), {
    start: '127.',
    a: '1.0.10',
    b: '2.0.66',
    end: '',
  });
  assert.equal(splitDifference('/accounts?id=1', '/accounts?id=2'), {
    start: '/accounts?id=',
    a: '1',
    b: '2',
    end: '',
  });
  assert.equal(splitDifference('same', 'same'), { start: 'same', a: '', b: '', end: '' });
  assert.equal(splitDifference('time', 'before'), { start: '', a: 'time', b: 'before', end: '' });
});

test('a request of the thief is compared with its original, else with the nearest of Alice', () => {
  const profile = { url: 'http://127.0.0.3/profile' };
  const { events } = recordingOf([
    ...exchange(1, 'alice', 'bank-a'),
    request(2, 'alice', 'bank-a', profile),
    request(3, 'thief', 'bank-a', { copyOf: 1 }),
    request(4, 'thief', 'bank-a', profile),
    request(5, 'thief', 'mail'),
  ]);
  const all = toExchanges(events);
  const originals = all.slice(2).map((one) => findOriginal(one, all)?.id);
  assert.equal(originals, [1, 2, 2]);
});

test('what Alice sends again herself is no replay', () => {
  const { events } = recordingOf([
    request(1, 'alice', 'bank-a'),
    request(2, 'thief', 'bank-a', { copyOf: 1 }),
    request(3, 'alice', 'bank-a', { copyOf: 2 }),
  ]);
  assert.equal(toExchanges(events).map(isReplay), [false, true, false]);
});

test('a target is path and query, and text that is no URL stays as it is', () => {
  assert.is(toTarget('http://127.0.0.3/accounts?id=1'), '/accounts?id=1');
  assert.is(toTarget('<b>no URL</b>'), '<b>no URL</b>');
});

test.run();
