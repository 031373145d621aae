import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CircuitBreaker, withDeadline } from '../src/circuit-breaker.ts';

const test = suite('circuit breaker');

const works = async (): Promise<string> => 'fine';
const fails = async (): Promise<never> => {
  throw new Error('down');
};
const never = (): Promise<never> => new Promise(() => undefined);

async function messageOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => 'no error',
    (error: unknown) => (error as Error).message,
  );
}

/** One that has failed so often that it is open. */
async function opened(pause: number): Promise<CircuitBreaker> {
  const breaker = new CircuitBreaker(2, pause);
  await messageOf(breaker.run(fails));
  await messageOf(breaker.run(fails));
  return breaker;
}

test('passes on what a call answers', async () => {
  assert.is(await new CircuitBreaker(2, 1000).run(works), 'fine');
});

test('passes on what a call throws, also at once', async () => {
  const breaker = new CircuitBreaker(2, 1000);
  assert.is(await messageOf(breaker.run(fails)), 'down');
  const throws = (): never => {
    throw new Error('at once');
  };
  assert.is(await messageOf(breaker.run(throws)), 'at once');
});

test('[I18] after enough failures in a row it makes no call', async () => {
  const breaker = await opened(60_000);
  let calls = 0;
  const call = async (): Promise<number> => ++calls;
  assert.is(await messageOf(breaker.run(call)), 'the circuit is open');
  assert.is(calls, 0);
});

test('a success in between starts the count again', async () => {
  const breaker = new CircuitBreaker(2, 60_000);
  await messageOf(breaker.run(fails));
  await breaker.run(works);
  await messageOf(breaker.run(fails));
  assert.is(await breaker.run(works), 'fine');
});

test('[I18] after the pause one call probes, the others are refused meanwhile', async () => {
  const breaker = await opened(1);
  await sleep(5);
  const { promise, resolve } = withResolver();
  const probe = breaker.run(() => promise);
  assert.is(await messageOf(breaker.run(works)), 'the circuit is open');
  resolve();
  await probe;
  assert.is(await breaker.run(works), 'fine');
});

test('a probe that fails begins another pause', async () => {
  const breaker = new CircuitBreaker(1, 20);
  await messageOf(breaker.run(fails));
  await sleep(25);
  assert.is(await messageOf(breaker.run(fails)), 'down');
  assert.is(await messageOf(breaker.run(works)), 'the circuit is open');
  await sleep(25);
  assert.is(await breaker.run(works), 'fine');
});

test('calls that were under way when it opened do not end the turn of a probe', async () => {
  const breaker = new CircuitBreaker(1, 1);
  const early = withResolver();
  const before = breaker.run(() => early.promise);
  await messageOf(breaker.run(fails));
  await sleep(5);
  const probing = withResolver();
  const probe = breaker.run(() => probing.promise);
  early.reject(new Error('late failure'));
  assert.is(await messageOf(before), 'late failure');
  assert.is(await messageOf(breaker.run(works)), 'the circuit is open');
  probing.resolve();
  await probe;
});

test('[I19] a call that takes too long is rejected', async () => {
  assert.is(await messageOf(withDeadline(never(), 5)), 'no answer within 5 ms');
});

test('a call in time keeps its answer or its error', async () => {
  assert.is(await withDeadline(works(), 60_000), 'fine');
  assert.is(await messageOf(withDeadline(fails(), 60_000)), 'down');
});

test('[L06] a failure after the deadline is nobody’s unhandled rejection', async () => {
  const late = withResolver();
  assert.is(await messageOf(withDeadline(late.promise, 1)), 'no answer within 1 ms');
  late.reject(new Error('too late'));
  await sleep(1); // an unhandled rejection would end this process
});

test('an answer that comes in the turn after the deadline still counts: a stall of this process is not its fault', async () => {
  let answer: (text: string) => void = () => undefined;
  const call = new Promise<string>((resolve) => {
    answer = resolve;
  });
  const waiting = withDeadline(call, 20);
  setTimeout(() => setImmediate(() => answer('there')), 20); // read in the poll phase, after the timers
  const end = performance.now() + 40;
  while (performance.now() < end); // stands still, beyond the deadline
  assert.is(await waiting, 'there');
});

test.run();

interface Resolver {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

function withResolver(): Resolver {
  let settle: Omit<Resolver, 'promise'> | undefined;
  const promise = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...(settle as Omit<Resolver, 'promise'>) };
}
