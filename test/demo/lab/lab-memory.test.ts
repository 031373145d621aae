import { type ContractCase, replayStoreContract } from 'holdfast/testing';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { labMemory, type MemoryFault } from '../../../demo/lab/protections/lab-memory.ts';

/** The lab's replay memory: without a fault it keeps the whole contract, and each fault breaks the promise it names. */

const test = suite('demo/lab/lab-memory');

function contract(faults: readonly MemoryFault[]): readonly ContractCase[] {
  let clock: () => number = () => 0;
  return replayStoreContract({
    create: (given) => {
      clock = given;
      return labMemory({ faults, capacity: 1000 })(given);
    },
    createLimited: (capacity, given) => labMemory({ faults, capacity })(given),
    lose: () => labMemory({ faults, capacity: 1000 })(clock),
  });
}

for (const { name, run, missing } of contract([]))
  if (missing === undefined) test(`without a fault: ${name}`, run);

/** What each fault breaks. */
const broken: Readonly<Record<MemoryFault, string>> = {
  'time falls': 'the time of a memory never falls, though the clock does',
  'evicts in silence':
    'when the store is full, nothing that was claimed is claimed again, to the millisecond',
  'restarts in silence': 'a memory that was lost is another: new id, and what the former judged is forgotten',
  'admits the late': 'a claim that was judged in time and comes late does not win again',
  'counts from arrival':
    'a use whose proof is dated ahead is remembered until the end that its proof has, not its arrival',
  'looks before it stores': 'of a hundred claims of one use at once, one wins',
};

for (const [fault, promise] of Object.entries(broken) as [MemoryFault, string][]) {
  test(`"${fault}" breaks this promise: ${promise}`, async () => {
    const { run } = contract([fault]).find(({ name }) => name === promise) as ContractCase;
    const outcome = await run().then(
      () => 'kept',
      (error: unknown) => error,
    );
    assert.instance(outcome, Error);
  });
}

test('a memory that refuses when full turns newcomers away, and still knows its entries', () => {
  const memory = labMemory({ whenFull: 'refuse', capacity: 1 })(() => 0);
  const claim = (key: string): unknown => {
    const now = memory.read(1000);
    if (now instanceof Promise) throw new Error('reads at once');
    return memory.claim({ jkt: '', key, time: { axis: 'iat', at: 1000 }, until: 1060, memory: now });
  };
  assert.equal([claim('a'), claim('b'), claim('a')], ['claimed', 'crowded', 'replayed']);
});

test.run();
