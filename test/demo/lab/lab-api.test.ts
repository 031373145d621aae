import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { withLab } from './_lab.ts';
import { catalogue, recording, report } from './_report.ts';

/** What the page asks of the lab: good input, and every kind of bad input. */

const test = suite('demo/lab/api');

const anyTry = { profile: 'D5', theft: 'T01' };
const anyBench = { profile: 'D5', target: '/accounts' };

test(
  'the catalogue and a try come as JSON that nobody keeps',
  withLab(async ({ get, post, engine }) => {
    const known = await get('/lab/api/catalogue');
    assert.match(known.headers.get('content-type') ?? '', /^application\/json/);
    assert.is(known.headers.get('cache-control'), 'no-store');
    assert.equal(await known.json(), catalogue);
    const tried = await post('/lab/api/tries', {
      profile: 'dpop-shared',
      theft: 't01',
      seat: 'nat',
      wait: 30,
    });
    assert.equal(await tried.json(), recording);
    assert.is(engine.calls.at(-1), 'record D5 T01');
  }),
);

/** Body, and how the sentence of the refusal begins. */
const refused: readonly (readonly [
  path: string,
  body: unknown,
  field: string | undefined,
  sentence: string,
])[] = [
  ['tries', '[]', undefined, 'The body must be a JSON object.'],
  ['tries', '{"profile":', undefined, 'The body must be a JSON object.'],
  ['tries', '"x"', undefined, 'The body must be a JSON object.'],
  ['tries', {}, 'profile', 'profile must be the id of a profile, such as M00.'],
  [
    'tries',
    { ...anyTry, profile: 'D55' },
    'profile',
    'There is no profile "D55"; nearest: D5 (dpop-shared).',
  ],
  [
    'tries',
    { ...anyTry, theft: 'log-tokens' },
    'theft',
    'There is no theft "log-tokens"; nearest: T01 (log-token).',
  ],
  ['tries', { ...anyTry, theft: 7 }, 'theft', 'theft must be the id of a theft, such as T01.'],
  ['tries', { ...anyTry, seat: 'moon' }, 'seat', 'seat must be one of elsewhere, country, nat.'],
  ['tries', { ...anyTry, wait: -1 }, 'wait', 'wait must be a whole number from 0 to 604800.'],
  ['tries', { ...anyTry, wait: '5' }, 'wait', 'wait must be a whole number from 0 to 604800.'],
  ['tries', { ...anyTry, without: ['jkt', 'jk'] }, 'without', 'There is no check "jk"; nearest: jkt (jkt).'],
  ['tries', { ...anyTry, without: 'jkt' }, 'without', 'without must be a list of at most 40 texts.'],
  ['tries', { ...anyTry, raw: true }, undefined, 'There is no field "raw"; there are profile, theft, seat,'],
  ['bench', { ...anyBench, method: 'TRACE' }, 'method', 'method must be one of GET, HEAD,'],
  ['bench', { ...anyBench, method: 'GET / HTTP/1.1\r\nX: y' }, 'method', 'method must be one of'],
  ['bench', { ...anyBench, target: 'accounts' }, 'target', 'target must be a path such as'],
  ['bench', { ...anyBench, target: '/a b' }, 'target', 'target must be a path such as'],
  ['bench', { ...anyBench, target: `/${'a'.repeat(2001)}` }, 'target', 'target must be a path such as'],
  ['bench', { ...anyBench, target: '/\r\nx: y' }, 'target', 'target must be a path such as'],
  ['bench', { ...anyBench, pasted: 'a\nb' }, 'pasted', 'pasted must be a proof'],
  ['bench', { ...anyBench, pasted: 'ä' }, 'pasted', 'pasted must be a proof'],
  ['bench', { ...anyBench, header: [] }, 'header', 'header must be an object of at most 50 members.'],
  ['bench', { ...anyBench, claims: 'x' }, 'claims', 'claims must be an object of at most 50 members.'],
  [
    'bench',
    { ...anyBench, signWith: 'bob' },
    'signWith',
    'signWith must be one of alice, thief, keep, none.',
  ],
  ['bench', { ...anyBench, copies: 3 }, 'copies', 'copies must be a whole number from 0 to 2.'],
  ['runs', { profiles: [], thefts: ['T01'] }, 'profiles', 'profiles must be a list of at least one profile.'],
  ['runs', { profiles: ['D5'], thefts: [] }, 'thefts', 'thefts must be a list of at least one theft'],
  ['runs', { profiles: ['D5', 'D9'], thefts: ['T01'] }, 'profiles', 'There is no profile "D9"; nearest: D5'],
  [
    'runs',
    { profiles: ['D5'], thefts: ['T01'], seats: [] },
    'seats',
    'seats must be a list of one or more of',
  ],
  ['runs', { profiles: ['D5'], thefts: ['T01'], mode: 'fast' }, 'mode', 'mode must be one of quick, full.'],
  ['runs', { profiles: ['D5'], thefts: ['T01'], cost: 1 }, 'cost', 'cost must be true or false.'],
  ['export', { format: 'pdf', report }, 'format', 'format must be one of html, json, md, csv.'],
  ['export', { format: 'csv' }, 'report', 'report must be object.'],
  [
    'export',
    { format: 'csv', report: { ...report, mode: 'x' } },
    'report',
    'report.mode must be equal to one of',
  ],
  [
    'export',
    { format: 'csv', report, recordings: [1] },
    'recordings',
    'recordings must be a list of at most 100',
  ],
];

for (const [path, body, field, sentence] of refused) {
  const shown = (typeof body === 'string' ? body : JSON.stringify(body)).slice(0, 70);
  test(
    `${path} refuses ${shown}: 400, one sentence, and the field`,
    withLab(async ({ post, engine }) => {
      const response = await post(`/lab/api/${path}`, body);
      const answer = (await response.json()) as { error: string; field?: string };
      assert.is(response.status, 400);
      assert.is(answer.error.slice(0, sentence.length), sentence);
      assert.is(answer.field, field);
      assert.ok(engine.calls.every((call) => call === 'create') && engine.runs.length === 0);
    }),
  );
}

test(
  'only JSON is read, and at most a megabyte of it, twenty for an export',
  withLab(async ({ post }) => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', '']) {
      const response = await post('/lab/api/tries', anyTry, { 'content-type': type });
      assert.is(response.status, 415, type);
      assert.equal(await response.json(), { error: 'The content type must be application/json.' });
    }
    const large = { ...anyTry, seat: 'x'.repeat(1_100_000) };
    const refusal = await post('/lab/api/tries', large);
    assert.is(refusal.status, 413);
    assert.equal(await refusal.json(), { error: 'The body must be at most 1 MB.' });
    const note = 'x'.repeat(2_000_000);
    const longer = await post('/lab/api/export', { format: 'json', report: { ...report, tool: { note } } });
    assert.is(longer.status, 400); // read, and no report
  }),
);

test(
  'hostile text is answered as JSON, never as markup, and cut',
  withLab(async ({ post }) => {
    const response = await post('/lab/api/tries', {
      ...anyTry,
      profile: `<script>alert(1)</script>${'x'.repeat(150)}`,
    });
    assert.match(response.headers.get('content-type') ?? '', /^application\/json/);
    assert.is(response.headers.get('x-content-type-options'), 'nosniff');
    assert.ok((await response.text()).length < 200);
  }),
);

test(
  'members that objects have by themselves are members like any other, but for __proto__',
  withLab(async ({ post, engine }) => {
    const body = '{"profile":"D5","target":"/a","claims":{"constructor":1,"toString":2},"header":{}}';
    assert.is((await post('/lab/api/bench', body)).status, 200);
    assert.is(engine.calls.at(-1), 'bench D5');
    const other = await post('/lab/api/bench', '{"profile":"D5","target":"/a","claims":{"__proto__":{}}}');
    assert.is(other.status, 400);
    assert.equal(await other.json(), { error: 'No member of the body may be called __proto__.' });
  }),
);

test(
  'what breaks in the engine is a fixed sentence for the caller, and a line without a token for the log',
  withLab(async ({ post, engine, lines }) => {
    await (await post('/lab/api/tries', anyTry)).text();
    const token = `eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.${'s'.repeat(86)}`;
    engine.breaks = new Error(`refused\n${token}`);
    const response = await post('/lab/api/tries', anyTry);
    assert.is(response.status, 500);
    assert.equal(await response.json(), { error: 'Something broke in the lab; its log says what.' });
    assert.is(lines.length, 1);
    assert.match(lines[0] ?? '', /^lab: Error: refused eyJ\w+\.eyJ\w+\.…[\da-f]{8}$/);
  }),
);

test(
  'what the engine takes for a mistake of the caller is one: 400, and why',
  withLab(async ({ post, engine }) => {
    await (await post('/lab/api/tries', anyTry)).text();
    engine.breaks = new TypeError('profile M00 has no proofs');
    const response = await post('/lab/api/bench', anyBench);
    assert.is(response.status, 400);
    assert.equal(await response.json(), { error: 'This cannot be tried: profile M00 has no proofs.' });
  }),
);

test(
  'an export is a file to keep, in each format',
  withLab(async ({ post }) => {
    for (const [format, type] of [
      ['json', 'application/json'],
      ['md', 'text/markdown'],
      ['csv', 'text/csv'],
      ['html', 'text/html'],
    ] as const) {
      const response = await post('/lab/api/export', { format, report, recordings: [recording] });
      assert.is(response.status, 200);
      assert.ok(response.headers.get('content-type')?.startsWith(type));
      assert.is(
        response.headers.get('content-disposition'),
        `attachment; filename="stolen-token-lab-2026-05-04.${format}"`,
      );
      assert.ok((await response.text()).length > 300);
    }
  }),
);

test.run();
