import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  defaultPolicy,
  emptyMemory,
  isForgotten,
  isFromFuture,
  isStale,
  lastInstant,
  type Memory,
  type ProofTime,
} from '../src/freshness.ts';
import { T0 } from './_setup.ts';

const test = suite('freshness');

const policy = { maxAge: 60, futureSkew: 10, nonceLife: 90 };
const memory: Memory = { ...emptyMemory, now: T0 };
const iat = (at: number): ProofTime => ({ axis: 'iat', at });
const nonce = (at: number): ProofTime => ({ axis: 'nonce', at });

const isAcceptable = (time: ProofTime, of: Memory): boolean =>
  !(isStale(time, policy, of) || isFromFuture(time, policy, of) || isForgotten(time, policy, of));

test('[R9449-11.1-01] the window fits FAPI 2.0 unless told otherwise', () => {
  assert.equal(defaultPolicy, { maxAge: 60, futureSkew: 10, nonceLife: 60 });
  assert.ok(Object.isFrozen(defaultPolicy));
});

test('[E15] [R9449-4.3-11] [R9449-11.1-01] an iat is stale from the first moment beyond its age, not at it', () => {
  for (const at of [T0, T0 - 59.999, T0 - 60])
    assert.not(isStale(iat(at), policy, memory), `${T0 - at} s old`);
  for (const at of [T0 - 60.001, T0 - 61, 0, -1])
    assert.ok(isStale(iat(at), policy, memory), `${T0 - at} s old`);
});

test('[E15] [R9449-11.1-05] a nonce is stale from the first moment beyond its own life, not at it', () => {
  for (const at of [T0, T0 - 60.001, T0 - 89.999, T0 - 90]) assert.not(isStale(nonce(at), policy, memory));
  for (const at of [T0 - 90.001, T0 - 91]) assert.ok(isStale(nonce(at), policy, memory));
});

test('[E15] [E16] [E17] [R9449-4.3-11] [R9449-11.1-04] an iat may be ahead by the skew, and no more', () => {
  for (const at of [T0, T0 + 8, T0 + 9.999, T0 + 10]) assert.not(isFromFuture(iat(at), policy, memory));
  for (const at of [T0 + 10.001, T0 + 11, T0 + 61, T0 + 3600, T0 * 1000])
    assert.ok(isFromFuture(iat(at), policy, memory));
});

test('a nonce of ours is never from the future: another node may be ahead of this one', () => {
  for (const at of [T0, T0 + 10.001, T0 + 3600]) assert.not(isFromFuture(nonce(at), policy, memory));
});

test('[R9449-11.1-02] at or under its floor a time may have been forgotten, above it not', () => {
  const risen: Memory = { ...memory, floor: { iat: T0 - 30, nonce: T0 - 20 } };
  assert.ok(isForgotten(iat(T0 - 30), policy, risen));
  assert.not(isForgotten(iat(T0 - 29.999), policy, risen));
  assert.ok(isForgotten(nonce(T0 - 20), policy, risen));
  assert.not(isForgotten(nonce(T0 - 19.999), policy, risen));
});

test('[R9449-11.1-02] each floor is for its own axis', () => {
  const iatAlone: Memory = { ...memory, floor: { iat: T0, nonce: T0 - 100 } };
  assert.ok(isForgotten(iat(T0 - 5), policy, iatAlone));
  assert.not(isForgotten(nonce(T0 - 5), policy, iatAlone));
  const nonceAlone: Memory = { ...memory, floor: { iat: T0 - 100, nonce: T0 } };
  assert.ok(isForgotten(nonce(T0 - 5), policy, nonceAlone));
  assert.not(isForgotten(iat(T0 - 5), policy, nonceAlone));
});

test('[R9449-11.1-02] a new memory takes no iat up to the skew after its birth, but every nonce of its own', () => {
  const born: Memory = { ...memory, birth: T0 };
  assert.ok(isForgotten(iat(T0), policy, born));
  assert.ok(isForgotten(iat(T0 + 10), policy, born));
  assert.not(isForgotten(iat(T0 + 10.001), policy, born));
  assert.not(isForgotten(nonce(T0), policy, born));
  assert.not(isForgotten(nonce(T0 - 90), policy, born));
});

test('the higher of birth and floor counts', () => {
  const floorHigher: Memory = { ...memory, birth: T0 - 100, floor: { iat: T0 - 30, nonce: T0 - 100 } };
  assert.ok(isForgotten(iat(T0 - 30), policy, floorHigher));
  assert.not(isForgotten(iat(T0 - 29), policy, floorHigher));
  const birthHigher: Memory = { ...memory, birth: T0 - 20, floor: { iat: T0 - 30, nonce: T0 - 100 } };
  assert.ok(isForgotten(iat(T0 - 10), policy, birthHigher));
  assert.not(isForgotten(iat(T0 - 9), policy, birthHigher));
});

test('a memory without a history has forgotten nothing', () => {
  for (const at of [0, T0, -1e300]) {
    assert.not(isForgotten(iat(at), policy, memory));
    assert.not(isForgotten(nonce(at), policy, memory));
  }
});

test('[R9449-11.1-02] a use is remembered until the last instant at which its proof is acceptable', () => {
  assert.is(lastInstant(iat(T0), policy), T0 + 60);
  assert.is(lastInstant(nonce(T0), policy), T0 + 90);
  assert.is(lastInstant(iat(T0 + 10), policy), T0 + 70, 'from the proof, not from its arrival');
});

test('[R9449-11.1-02] no instant accepts a proof whose use need no longer be remembered', () => {
  const axis = fc.constantFrom<ProofTime['axis']>('iat', 'nonce');
  const seconds = fc.double({ min: T0 - 1000, max: T0 + 1000, noNaN: true });
  fc.assert(
    fc.property(axis, seconds, seconds, (which, at, now) => {
      const time = { axis: which, at };
      const until = lastInstant(time, policy);
      assert.is(isStale(time, policy, { ...memory, now }), now > until);
      assert.not(isStale(time, policy, { ...memory, now: until }), 'its last instant');
    }),
  );
});

test('[E11] what is not a number is refused, wherever it stands', () => {
  const { NaN: nan } = Number;
  for (const axis of ['iat', 'nonce'] as const) {
    assert.ok(isAcceptable({ axis, at: T0 }, { ...memory, floor: { iat: 0, nonce: 0 } }), 'the control');
    assert.ok(isStale({ axis, at: nan }, policy, memory));
    assert.ok(isForgotten({ axis, at: nan }, policy, memory));
    assert.ok(isStale({ axis, at: T0 }, policy, { ...memory, now: nan }));
    assert.ok(isForgotten({ axis, at: T0 }, policy, { ...memory, floor: { iat: nan, nonce: nan } }));
  }
  assert.ok(isFromFuture(iat(nan), policy, memory));
  assert.ok(isFromFuture(iat(T0), policy, { ...memory, now: nan }));
  assert.ok(isForgotten(iat(T0), policy, { ...memory, birth: nan }));
});

test('[E11] the infinities are outside of every window', () => {
  assert.ok(isFromFuture(iat(Number.POSITIVE_INFINITY), policy, memory));
  assert.ok(isStale(iat(Number.NEGATIVE_INFINITY), policy, memory));
});

test.run();
