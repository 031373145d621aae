import type { RunRequest, TryRequest } from '../engine/engine.ts';
import type { BenchRequest, Catalogue, Seat } from '../model.ts';
import { findNamed, type Named, unknownName } from '../nearest.ts';
import { ApiError, badField } from './api-error.ts';
import {
  type Body,
  readBody,
  readFlag,
  readInteger,
  readMembers,
  readText,
  readTexts,
  readWord,
} from './fields.ts';

/** What may be asked of the engine, read from bodies that anybody may have written. */

const seats: readonly Seat[] = ['elsewhere', 'country', 'nat'];
const longest = 7 * 24 * 3600; // where the search for windows ends

export function readTry(given: unknown, catalogue: Catalogue): TryRequest {
  const body = readBody(given, ['profile', 'theft', 'seat', 'wait', 'without']);
  return {
    profile: readName(body, 'profile', catalogue.profiles),
    theft: readName(body, 'theft', catalogue.thefts),
    seat: readWord(body, 'seat', seats, 'elsewhere'),
    wait: readInteger(body, 'wait', 0, longest, 1),
    without: readChecks(body, catalogue),
  };
}

/** A run of every theft is one of all honest users too, unless they are named. */
export function readRun(given: unknown, catalogue: Catalogue): RunRequest {
  const fields = ['profiles', 'thefts', 'honestTests', 'seats', 'mode', 'time', 'processes', 'cost'];
  const body = readBody(given, fields);
  const thefts = readNames(body, 'thefts', 'theft', catalogue.thefts);
  const whole = thefts.length === catalogue.thefts.length;
  const tests = whole ? catalogue.honest.map(({ id }) => id) : [];
  const request: RunRequest = {
    profiles: readNames(body, 'profiles', 'profile', catalogue.profiles),
    thefts,
    honestTests: readNames(body, 'honestTests', 'honest user', catalogue.honest, tests),
    seats: readSeats(body),
    mode: readWord(body, 'mode', ['quick', 'full'], 'quick'),
    time: readWord(body, 'time', ['world', 'real'], 'world'),
    processes: readWord(body, 'processes', ['one', 'separate'], 'one'),
    cost: readFlag(body, 'cost', whole),
  };
  if (request.profiles.length === 0) throw badField('profiles', 'a list of at least one profile');
  if (thefts.length + request.honestTests.length > 0) return request;
  throw badField('thefts', 'a list of at least one theft, or honestTests one of at least one honest user');
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

export function readBench(given: unknown, catalogue: Catalogue): BenchRequest {
  const fields = ['profile', 'method', 'target', 'pasted', 'header', 'claims', 'signWith', 'copies', 'wait'];
  const body = readBody(given, fields);
  return {
    profile: readName(body, 'profile', catalogue.profiles),
    method: readWord(body, 'method', methods, 'GET'),
    target: readText(
      body,
      'target',
      /^\/[\x21-\x22\x24-\x7e]{0,2000}$/,
      'a path such as /accounts?id=1, of at most 2000 visible ASCII characters, without a fragment',
    ),
    ...readPasted(body),
    header: readMembers(body, 'header', 50),
    claims: readMembers(body, 'claims', 50),
    signWith: readWord(body, 'signWith', ['alice', 'thief', 'keep', 'none'], 'alice'),
    copies: readCopies(body),
    wait: readInteger(body, 'wait', 0, longest, 0),
  };
}

/** What a header line can carry; more than 16 kB of headers no server takes. */
function readPasted(body: Body): { readonly pasted?: string } {
  if (body['pasted'] === undefined || body['pasted'] === null) return {};
  const must = 'a proof of 1 to 12000 visible ASCII characters';
  return { pasted: readText(body, 'pasted', /^[\x21-\x7e](?:[\x20-\x7e]{0,11998}[\x21-\x7e])?$/, must) };
}

function readCopies(body: Body): BenchRequest['copies'] {
  const copies = readInteger(body, 'copies', 0, 2, 1);
  return copies === 0 ? 0 : copies === 1 ? 1 : 2;
}

function readSeats(body: Body): readonly Seat[] {
  const named = readTexts(body, 'seats', seats.length, ['elsewhere']);
  const known = seats.filter((seat) => named.includes(seat));
  if (known.length > 0 && known.length === named.length) return known;
  throw badField('seats', `a list of one or more of ${seats.join(', ')}`);
}

function readChecks(body: Body, { checks }: Catalogue): readonly string[] {
  const named = readTexts(body, 'without', 40, []);
  const unknown = named.find((name) => !checks.some(({ id }) => id === name));
  if (unknown === undefined) return named;
  const all = checks.map(({ id }) => ({ id, slug: id }));
  throw new ApiError(400, unknownName('check', all, unknown), 'without');
}

function readName(body: Body, field: string, all: readonly Named[]): string {
  const name = readText(body, field, /^.{1,200}$/s, `the id of a ${field}, such as ${all[0]?.id}`);
  return toId(field, field, all, name);
}

function readNames(
  body: Body,
  field: string,
  kind: string,
  all: readonly Named[],
  absent?: readonly string[],
): readonly string[] {
  const names = readTexts(body, field, all.length, absent).map((name) => toId(field, kind, all, name));
  return [...new Set(names)];
}

function toId(field: string, kind: string, all: readonly Named[], name: string): string {
  const found = findNamed(all, name);
  if (found !== undefined) return found.id;
  throw new ApiError(400, unknownName(kind, all, name), field);
}
