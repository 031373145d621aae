import { createMemoryReplayStore, type RawRequest } from '../../src/index.ts';
import { type Answer, createDecider, type Setup } from './world.ts';

/** A server with a memory store, in a process of its own that can be killed. */

export interface AppRequest {
  readonly number: number;
  readonly request: RawRequest;
}

export interface AppAnswer {
  readonly number: number;
  readonly answer: Answer;
}

process.once('message', (setup: Setup) => {
  const decide = createDecider(setup, createMemoryReplayStore({ capacity: 10_000 }));
  process.on('message', ({ number, request }: AppRequest) => {
    void decide(request).then((answer) => process.send?.({ number, answer } satisfies AppAnswer));
  });
  process.send?.('ready');
});
process.once('disconnect', () => process.exit());
