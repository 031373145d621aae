import { createHash } from 'node:crypto';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Cell, Report } from '../../../demo/lab/model.ts';
import { areRecordings, complaintAbout } from '../../../demo/lab/report/check-report.ts';
import { deviationOf } from '../../../demo/lab/report/deviation.ts';
import { toReportFile } from '../../../demo/lab/report/report-file.ts';
import { withoutTokens } from '../../../demo/lab/report/tokens.ts';
import { looseReport, recording, report } from './_report.ts';

/** A report as a file, in each format; and which files are reports. */

const test = suite('demo/lab/report');

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const token = `${encode({ typ: 'dpop+jwt', alg: 'ES256' })}.${encode({ jti: '1' })}.${'s'.repeat(86)}`;
const encrypted = `${encode({ alg: 'dir', enc: 'A256GCM' })}..${'i'.repeat(16)}.${'c'.repeat(200)}.${'t'.repeat(22)}`;

function hashOf(text: string): string {
  return `…${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
}

/** A signed token goes on saying what it says; the rest of what could be used is a few letters. */
function cut(whole: string): string {
  const [header, claims, signature, ...more] = whole.split('.');
  const isSigned = signature !== undefined && more.length === 0;
  return isSigned ? `${header}.${claims}.${hashOf(signature)}` : `${whole.slice(0, 12)}${hashOf(whole)}`;
}

function firstCell(): Cell {
  const [cell] = report.cells;
  if (cell === undefined) throw new Error('the report has no cell');
  return cell;
}

function withCell(changes: Partial<Cell>): Report {
  return { ...report, cells: [{ ...firstCell(), ...changes }] };
}

test('JSON is the report, one cell a line, and passes the published schema', async () => {
  const { name, type, body } = await toReportFile('json', report, [recording]);
  assert.is(name, 'stolen-token-lab-2026-05-04.json');
  assert.match(type, /^application\/json/);
  assert.equal(JSON.parse(body), report);
  assert.is(await complaintAbout(JSON.parse(body)), undefined);
  for (const cell of report.cells)
    assert.ok(body.split('\n').some((line) => line.includes(JSON.stringify(cell))));
});

test('a report without any cell, and one that was interrupted, pass the schema', async () => {
  const empty = { cells: [], honest: [], cost: [], profiles: [], thefts: [], honestTests: [] };
  assert.is(await complaintAbout({ ...report, ...empty, complete: false }), undefined);
});

/** Each makes one thing wrong. */
const wrong: readonly (readonly [title: string, change: (loose: Record<string, unknown>) => void])[] = [
  ['another version', (loose) => (loose['schema'] = 2)],
  ['no date', (loose) => delete loose['started']],
  ['a date without a zone', (loose) => (loose['started'] = '2026-05-04T03:02:01')],
  ['an unknown member', (loose) => (loose['extra'] = 1)],
  ['an unknown mode', (loose) => (loose['mode'] = 'slow')],
  ['no seat', (loose) => (loose['seats'] = [])],
  ['a seat twice', (loose) => (loose['seats'] = ['nat', 'nat'])],
  ['another tool', (loose) => (loose['tool'] = { name: 'other', version: '1' })],
  ['a negative duration', (loose) => (loose['seconds'] = -1)],
  ['a text for a truth', (loose) => (loose['complete'] = 'yes')],
  ['cells that are no list', (loose) => (loose['cells'] = {})],
  ['an unknown outcome', (loose) => (loose['cells'] = [{ ...firstCell(), outcome: 'maybe' }])],
  ['an unknown member of a cell', (loose) => (loose['cells'] = [{ ...firstCell(), window: null, raw: 'x' }])],
  ['half a request', (loose) => (loose['cells'] = [{ ...firstCell(), requests: 1.5 }])],
  [
    'a window without an end',
    (loose) => (loose['cells'] = [{ ...firstCell(), window: { first: 1, last: 2 } }]),
  ],
  ['an id that is none', (loose) => (loose['cells'] = [{ ...firstCell(), profile: '<b>' }])],
  ['a group that there is not', (loose) => (loose['profiles'] = [{ ...report.profiles[0], group: 'Other' }])],
  [
    'a cost without bytes',
    (loose) => (loose['cost'] = [{ profile: 'D5', requestsPerCall: 1, microseconds: 1 }]),
  ],
];

for (const [title, change] of wrong) {
  test(`the schema refuses ${title}, and the complaint says where`, async () => {
    const loose = looseReport();
    change(loose);
    assert.match((await complaintAbout(loose)) ?? 'accepted', /^report(?:\.[\w.]+)? (?:must|NOT)/);
  });
}

test('recordings are told from other things', () => {
  assert.ok(areRecordings([]));
  assert.ok(areRecordings([recording]));
  for (const other of [
    null,
    {},
    [null],
    [{}],
    [{ ...recording, events: [1] }],
    [{ ...recording, profile: 5 }],
  ])
    assert.not(areRecordings(other));
  assert.not(areRecordings(Array.from({ length: 101 }, () => recording)));
});

test('CSV has a line for each cell, ends them as RFC 4180 wants, and gives every line the same number of fields', async () => {
  const { body } = await toReportFile('csv', report, []);
  const lines = body.split('\r\n');
  assert.is(lines.pop(), '');
  assert.is(lines.length, 1 + report.cells.length + report.honest.length);
  assert.not.match(lines.join(''), /[\r\n]/);
  assert.ok(lines.every((line) => line.split(',').length === 18 || line.includes('"')));
  assert.match(body, /theft,M00,Stateless JWT,T06,Request held back,elsewhere,works,,1,604800,never,/);
  assert.match(body, /honest user,D5,"DPoP, one memory for all nodes",H04,/);
});

for (const start of ['=', '+', '-', '@', '\t=', '\r=', ' =']) {
  test(`CSV: a text that begins with ${JSON.stringify(start)} is no formula`, async () => {
    const { body } = await toReportFile('csv', withCell({ note: `${start}cmd|' /C calc'!A0` }), []);
    assert.ok(body.includes(`'${start}cmd`), body);
  });
}

test('CSV: quotes, commas and ends of lines stay within their field', async () => {
  const { body } = await toReportFile('csv', withCell({ note: 'a "b", c\r\nd' }), []);
  assert.ok(body.includes('"a ""b"", c\r\nd"\r\n'), body);
});

test('Markdown has a summary, the matrix, the honest users, the cost and the exchanges', async () => {
  const { body } = await toReportFile('md', report, [recording]);
  for (const text of [
    '# Stolen-token lab: report',
    '| D5 DPoP, one memory for all nodes | 1 of 2 | 1 | 5 min |',
    'blocked by jkt',
    'refused by iat',
    '| D5 | 1210 | 1 | 412 |',
    '1. thief to bank-a: GET https://bank.example/accounts',
  ])
    assert.ok(body.includes(text), `${text} is not in\n${body}`);
});

test('Markdown: hostile text breaks no table and becomes no markup', async () => {
  const hostile = withCell({
    outcome: 'error',
    window: null,
    note: 'x | y\n<script>[a](javascript:1)</script>',
  });
  const { body } = await toReportFile('md', hostile, []);
  assert.not.match(body, /<script>/);
  assert.ok(body.includes('x \\| y \\<script\\>\\[a\\](javascript:1)\\</script\\>'), body);
});

test('JUnit: as expected passes; a cell that differs fails and says in what; one that broke is an error', async () => {
  const same = await toReportFile('junit', report, [], { expectation: report });
  assert.is(same.name, 'stolen-token-lab-2026-05-04.xml');
  assert.not.match(same.body, /<failure|<error/);
  assert.is(same.body.match(/<testcase /g)?.length, report.cells.length + report.honest.length);
  const flipped = { ...report, cells: report.cells.map((cell): Cell => ({ ...cell, decidedBy: 'ath' })) };
  const other = await toReportFile('junit', flipped, [], { expectation: report });
  assert.match(other.body, /<failure message="decided by ath instead of jkt"\/>/);
  const quick = {
    ...report,
    mode: 'quick',
    cells: report.cells.map((cell): Cell => ({ ...cell, window: null })),
  } as const;
  const early = await toReportFile('junit', report, [], { expectation: quick });
  assert.not.match(early.body, /<failure|<error/);
  const broken = await toReportFile('junit', withCell({ outcome: 'error', note: '<&"\u0001' }), []);
  assert.match(broken.body, /errors="1"/);
  assert.match(broken.body, /<error message="&lt;&amp;&quot;\?"\/>/);
});

test('a quick run agrees with a full one where one try can tell; a full one has to agree in its windows', () => {
  const expected = firstCell();
  const quick: Cell = { ...expected, window: null };
  assert.is(deviationOf(quick, { ...expected, outcome: 'narrowed' }, 'quick'), undefined);
  assert.is(
    deviationOf({ ...quick, outcome: 'blocked' }, { ...expected, outcome: 'late' }, 'quick'),
    undefined,
  );
  assert.is(
    deviationOf({ ...quick, outcome: 'blocked' }, expected, 'quick'),
    'outcome blocked instead of works',
  );
  const window = { first: 1, last: 3598, firstFailure: 3599, endedBy: 'exp' };
  assert.is(deviationOf({ ...expected, window }, expected, 'full'), undefined);
  const shorter = { ...expected, window: { ...window, last: 3000 } };
  assert.is(deviationOf(shorter, expected, 'full'), 'last success 3000 instead of 3599');
  assert.is(deviationOf(quick, expected, 'full'), 'window none instead of measured');
});

test('a whole token, signed or encrypted, is cut wherever it stands; what is cut already stays', () => {
  for (const whole of [token, encrypted]) {
    assert.is(withoutTokens(whole), cut(whole));
    assert.is(withoutTokens(`DPoP ${whole}, and "${whole}"`), `DPoP ${cut(whole)}, and "${cut(whole)}"`);
    assert.equal(withoutTokens({ a: [{ b: whole }], n: 1, z: null }), {
      a: [{ b: cut(whole) }],
      n: 1,
      z: null,
    });
    assert.is(withoutTokens(cut(whole)), cut(whole));
  }
  for (const harmless of ['bank.example.com', 'https://bank.example/a.b.c', 'a.b.c', 'v20.20.2'])
    assert.is(withoutTokens(harmless), harmless);
});

test('refresh tokens, codes, sessions and opaque tokens are cut by the names that they go by', () => {
  const secret = 'Zk3-qXw9_bT7rLm2Yv8PcN4sHd6JfGaE';
  const texts = [
    `grant_type=refresh_token&refresh_token=${secret}`,
    `{"access_token":"${secret}","refresh_token": "${secret}"}`,
    `http://127.0.0.3/callback?code=${secret}`,
    `issuer_session=${secret}; session=${secret}; token=${secret}`,
    `Bearer ${secret}`,
    secret,
  ];
  for (const text of texts) {
    assert.not.ok(withoutTokens(text).includes(secret), text);
    assert.is(withoutTokens(text), text.replaceAll(secret, cut(secret)));
  }
  const thumbprint = 'inWWBGdxZ7AyBp5rvaDGdy1-6mySeV6mytnCnx2mGeY';
  assert.is(withoutTokens(thumbprint), thumbprint);
});

for (const format of ['json', 'md', 'csv', 'junit', 'html'] as const) {
  test(`${format}: no whole token gets out, wherever it came in`, async () => {
    const leaky = withCell({ outcome: 'error', note: `it said ${token}` });
    const events = recording.events.map((event) =>
      event.type === 'request' ? { ...event, url: `https://bank.example/${token}`, body: encrypted } : event,
    );
    const { body } = await toReportFile(format, leaky, [{ ...recording, events }]);
    assert.not(body.includes(token));
    assert.not(body.includes('s'.repeat(41)));
    assert.not(body.includes('c'.repeat(200)));
    assert.ok(format === 'html' || body.includes(cut(token).slice(-8)));
  });
}

test.run();
