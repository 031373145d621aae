import { readlinkSync, renameSync, symlinkSync, unlinkSync } from 'node:fs';
import { basename } from 'node:path';

/**
 * One process at a time on a file. The claim is a link beside it that names a process: made in one step with what it
 * says, and void once that process is gone, however it went.
 */

const claimed = new Set<string>();

/**
 * Claims a file for this process; gives what ends the claim.
 *
 * @throws Error of a few words when another process has it.
 */
export function claimFile(file: string): () => void {
  const link = `${file}.owner`;
  while (!isClaimed(link)) {
    const owner = readOwner(link);
    if (owner !== undefined && (claimed.has(link) || isAlive(owner)))
      throw new Error(`it is in use by process ${owner}`);
    if (owner !== undefined) takeAway(link, owner);
  }
  claimed.add(link);
  return () => {
    claimed.delete(link);
    unlinkSync(link);
  };
}

/** Tries to claim: false when the link is there already. */
function isClaimed(link: string): boolean {
  return unless('EEXIST', () => symlinkSync(String(process.pid), link, 'junction'));
}

function readOwner(link: string): number | undefined {
  let owner: number | undefined;
  unless('ENOENT', () => {
    owner = Number(basename(readlinkSync(link)));
  });
  return owner;
}

/** Our own number is that of a former life: a container gives the same one to each. */
function isAlive(pid: number): boolean {
  return pid !== process.pid && unless('ESRCH', () => unless('EPERM', () => process.kill(pid, 0)));
}

/** Of several that take a void claim away, one succeeds; who got a newer one by mistake gives it back. */
function takeAway(link: string, owner: number): void {
  const aside = `${link}.${process.pid}`;
  if (!unless('ENOENT', () => renameSync(link, aside))) return;
  const taken = readlinkSync(aside);
  unlinkSync(aside);
  if (Number(basename(taken)) !== owner) unless('EEXIST', () => symlinkSync(taken, link, 'junction'));
}

/** Whether it was done, and did not fail in this one way. */
function unless(code: string, act: () => unknown): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === code) return false;
    throw error;
  }
}
