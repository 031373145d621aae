import { readFileSync } from 'node:fs';
import { checks } from './checks.ts';
import type { Catalogue, HonestInfo, ProfileInfo, TheftInfo } from './model.ts';
import type { Profile } from './profile.ts';
import { profiles } from './profiles/profiles.ts';
import type { HonestTest, Theft } from './theft.ts';
import { honestTests } from './thefts/honest.ts';
import { thefts } from './thefts/thefts.ts';

/** Everything that the lab has, to choose from. */

export function findProfile(id: string): Profile {
  return find(profiles, id, 'profile');
}

export function findTheft(id: string): Theft {
  return find(thefts, id, 'theft');
}

export function findHonestTest(id: string): HonestTest {
  return find(honestTests, id, 'honest user');
}

function find<T extends { readonly id: string }>(all: readonly T[], id: string, kind: string): T {
  const found = all.find((one) => one.id === id);
  if (found === undefined) throw new TypeError(`there is no ${kind} ${id}`);
  return found;
}

/** The texts alone: what survives JSON. */
export function createCatalogue(): Catalogue {
  return {
    version: readVersion(),
    profiles: profiles.map(toProfileInfo),
    thefts: thefts.map(toTheftInfo),
    honest: honestTests.map(toHonestInfo),
    checks,
  };
}

function toProfileInfo({ settings: _settings, protections: _protections, ...info }: Profile): ProfileInfo {
  return info;
}

function toTheftInfo({ run: _run, ...info }: Theft): TheftInfo {
  return info;
}

function toHonestInfo({ run: _run, ...info }: HonestTest): HonestInfo {
  return info;
}

function readVersion(): string {
  const file = new URL(import.meta.resolve('holdfast/package.json'));
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
