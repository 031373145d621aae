import type {
  Catalogue,
  Cell,
  Outcome,
  ProfileInfo,
  Recording,
  Report,
  TheftInfo,
} from '../../../demo/lab/model.ts';

/** A small report, such as a run makes them, and what belongs to it. Tests change one thing of a copy. */

const bearer: ProfileInfo = {
  id: 'M00',
  slug: 'bearer',
  title: 'Stateless JWT',
  group: 'The token itself',
  story: 'The issuer signs, every server checks, nobody remembers.',
  needs: 'A key set endpoint.',
  weak: 'Whoever holds the bytes is the user until it ends.',
  adds: [],
  leavesOut: [],
  parameters: { 'access token': 3600, 'refresh token': 259_200 },
};

const bound: ProfileInfo = {
  ...bearer,
  id: 'D5',
  slug: 'dpop-shared',
  title: 'DPoP, one memory for all nodes',
  group: 'Proof of possession',
  basedOn: 'M00',
  adds: ['jkt', 'jti'],
  parameters: { 'access token': 3600, 'refresh token': 259_200, 'proof window': 300 },
};

const logged: TheftInfo = {
  id: 'T01',
  slug: 'log-token',
  title: 'Token in an access log',
  group: 'The token alone',
  ability: 'Read one line of a log.',
  loot: ['access token'],
  steps: ['Alice reads her accounts.', 'The thief reads the log and sends the token.'],
  why: 'Only something that is not in the token helps.',
  aim: 'access',
  timed: true,
};

const held: TheftInfo = {
  ...logged,
  id: 'T06',
  slug: 'hold',
  title: 'Request held back',
  group: 'Whole requests',
};

function cell(profile: string, theft: string, outcome: Outcome, changes: Partial<Cell> = {}): Cell {
  const counts = { requests: 7, tries: 3, milliseconds: 41.5 };
  return {
    profile,
    theft,
    seat: 'elsewhere',
    outcome,
    window: null,
    decidedBy: null,
    hurt: null,
    ...counts,
    ...changes,
  };
}

export const report: Report = {
  schema: 1,
  tool: { name: 'holdfast-lab', version: '0.1.0' },
  runtime: { node: 'v22.1.0', os: 'linux x64' },
  started: '2026-05-04T03:02:01.000Z',
  seconds: 12.5,
  mode: 'full',
  seats: ['elsewhere'],
  complete: true,
  time: 'world',
  processes: 'one',
  profiles: [bearer, bound],
  thefts: [logged, held],
  honestTests: [
    {
      id: 'H04',
      slug: 'fast-clock',
      title: 'Clock 120 s fast',
      steps: ['Her clock is ahead.', 'She reads her accounts.'],
      complaint: 'What is wrong with my clock?',
    },
  ],
  cells: [
    cell('M00', 'T01', 'works', { window: { first: 1, last: 3599, firstFailure: 3600, endedBy: 'exp' } }),
    cell('M00', 'T06', 'works', { window: { first: 1, last: 604_800, firstFailure: null, endedBy: null } }),
    cell('D5', 'T01', 'blocked', { decidedBy: 'jkt' }),
    cell('D5', 'T06', 'narrowed', {
      window: { first: 1, last: 300, firstFailure: 301, endedBy: 'iat' },
      decidedBy: 'iat',
      hurt: 'jti',
    }),
  ],
  honest: [
    {
      profile: 'M00',
      test: 'H04',
      outcome: 'fine',
      interruptions: 0,
      decidedBy: null,
      requests: 3,
      milliseconds: 9,
    },
    {
      profile: 'D5',
      test: 'H04',
      outcome: 'refused',
      interruptions: 0,
      decidedBy: 'iat',
      requests: 3,
      milliseconds: 9,
    },
  ],
  cost: [{ profile: 'D5', headerBytes: 1210, requestsPerCall: 1, microseconds: 412 }],
};

export const catalogue: Catalogue = {
  version: '0.1.0',
  profiles: report.profiles,
  thefts: report.thefts,
  honest: report.honestTests,
  checks: [{ id: 'jkt', title: 'Key of the token', meaning: 'The key that signs is the key of the token.' }],
};

export const recording: Recording = {
  profile: 'D5',
  theft: 'T01',
  seat: 'elsewhere',
  wait: 1,
  without: [],
  outcome: 'blocked',
  decidedBy: 'jkt',
  hurt: null,
  events: [
    { seq: 1, at: 0, type: 'start', profile: 'D5', theft: 'T01', seat: 'elsewhere', wait: 1 },
    {
      seq: 2,
      at: 1,
      type: 'request',
      id: 1,
      from: 'thief',
      to: 'bank-a',
      method: 'GET',
      url: 'https://bank.example/accounts',
      headers: [['Authorization', 'DPoP eyJhbGciOiJF…1a2b3c4d']],
      body: null,
      address: '127.0.9.1',
      copyOf: null,
    },
    {
      seq: 3,
      at: 1,
      type: 'response',
      id: 1,
      status: 401,
      headers: [],
      body: null,
      verdict: 'refused',
      decidedBy: 'jkt',
      checks: [],
      milliseconds: 2,
    },
    {
      seq: 4,
      at: 1,
      type: 'end',
      outcome: 'blocked',
      decidedBy: 'jkt',
      hurt: null,
      text: 'The key is another one.',
    },
  ],
};

/** The report as loose JSON, to put something wrong into it. */
export function looseReport(): Record<string, unknown> {
  return structuredClone(report) as unknown as Record<string, unknown>;
}
