#!/usr/bin/env node
import { run } from './run.ts';

// Each write is waited for and tells of its failure itself; without a listener Node would end the process first.
process.stdout.on('error', () => undefined);
process.stderr.on('error', () => undefined);
// Node prints remarks about itself, such as that Ed25519 is new in it, between ours.
process.removeAllListeners('warning');

process.exitCode = await run(process.argv.slice(2), process);
