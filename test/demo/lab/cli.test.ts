import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Report } from '../../../demo/lab/model.ts';
import { complaintAbout } from '../../../demo/lab/report/check-report.ts';
import { lab, withFolder } from './_cli.ts';

/** The command line as a process: what it prints, what it keeps, how it exits. */

const test = suite('lab/cli');

const small = ['run', '--profiles', 'M00,D5', '--thefts', 'T01,T02'];

test('list shows what there is', async () => {
  const { code, out } = await lab(['list']);
  assert.is(code, 0);
  for (const id of ['M00', 'D5', 'X5', 'T01', 'T45', 'H09']) assert.match(out, new RegExp(`^  ${id} `, 'm'));
  assert.match((await lab(['list', 'checks'])).out, /jkt/);
});

test('run measures, and prints a table with a summary', async () => {
  const { code, out } = await lab(small);
  assert.is(code, 0);
  assert.match(out, /M00 .*● +●/);
  assert.match(out, /D5 .*○ jkt +○ jti/);
  assert.match(out, /2 profiles × 2 thefts · 4 cells · 0 honest users · \d+ requests · .* no error/);
});

test('marks are words where there is no Unicode', async () => {
  const { out } = await lab(small, { LANG: 'C' });
  assert.match(out, /M00 .*WORKS/);
  assert.match(out, /D5 .*- jkt/);
});

test('a full run finds the windows', async () => {
  const { code, out } = await lab([...small, '--full', '--format', 'json']);
  assert.is(code, 0);
  const report = JSON.parse(out) as Report;
  assert.is(await complaintAbout(report), undefined);
  const bearer = report.cells.find(({ profile, theft }) => profile === 'M00' && theft === 'T01');
  assert.equal([bearer?.outcome, bearer?.window?.endedBy], ['works', 'exp']);
  assert.ok(Math.abs((bearer?.window?.last ?? 0) - 3600) <= 2);
});

test('honest users come along with whole rows, and cost where it is asked for', async () => {
  const report = JSON.parse(
    (
      await lab([
        'run',
        '--profiles',
        'D5',
        '--thefts',
        'T01',
        '--honest',
        'H05',
        '--cost',
        '--format',
        'json',
      ])
    ).out,
  ) as Report;
  assert.equal(
    report.honest.map(({ test, outcome }) => [test, outcome]),
    [['H05', 'fine']],
  );
  assert.ok((report.cost[0]?.headerBytes ?? 0) > 300);
});

test('in real time the run really waits, with short lifetimes', async () => {
  const { code, out } = await lab(['run', '--real-time', '--profiles', 'D5', '--thefts', 'T01,T14']);
  assert.is(code, 0);
  assert.match(out, /D5 .*○ jkt +–/, 'T14 waits for two hours by itself: not in real time');
});

test('show tells of one try as a sequence, with the deciding check', async () => {
  const { code, out } = await lab(['show', 'D5', 'T01']);
  assert.is(code, 0);
  assert.match(out, /thief +──▶ bank A +GET \/accounts +401 jkt/);
  assert.match(out, /decided +key binding: expected \S+, found \S+ \(RFC 9449/);
  assert.match(out, /The thief is refused/);
});

test('show with a check off says that this is for the lab alone, and the theft works', async () => {
  const { out } = await lab(['show', 'D5', 'T01', '--without', 'jkt']);
  assert.match(out, /LAB ONLY, off: jkt/);
  assert.match(out, /The theft works/);
});

test('a report goes into a file whole, or not at all', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'report.json');
    assert.is((await lab([...small, '--format', 'json', '--out', file])).code, 0);
    assert.is(await complaintAbout(JSON.parse(await readFile(file, 'utf8'))), undefined);
    assert.equal(await readdir(folder), ['report.json']);
    const nowhere = await lab([...small, '--format', 'json', '--out', join(folder, 'no', 'report.json')]);
    assert.is(nowhere.code, 3);
    assert.match(nowhere.err, /could not be written \(ENOENT\): nothing of it is left/);
    assert.match(nowhere.out, /D5 .*○ jkt/, 'what was measured is shown all the same');
  }));

test('what stands at the place of a report stays when the new one cannot be written', () =>
  withFolder(async (folder) => {
    const occupied = join(folder, 'taken');
    await mkdir(join(occupied, 'full'), { recursive: true });
    const { code, err } = await lab([...small, '--out', occupied]);
    assert.is(code, 3);
    assert.match(err, /could not be written/);
    assert.equal(await readdir(folder), ['taken']);
  }));

test('diff finds the cells that differ, and says which are missing', () =>
  withFolder(async (folder) => {
    const [before, after] = [join(folder, 'before.json'), join(folder, 'after.json')];
    const report = JSON.parse((await lab([...small, '--format', 'json'])).out) as Report;
    await writeFile(before, JSON.stringify(report));
    await writeFile(after, JSON.stringify(report));
    assert.equal(
      [(await lab(['diff', before, after])).code, (await lab(['diff', before, after])).out],
      [0, 'no differences\n'],
    );
    const [first, ...rest] = report.cells;
    await writeFile(
      after,
      JSON.stringify({
        ...report,
        cells: [{ ...first, outcome: 'blocked', decidedBy: 'exp' }, ...rest.slice(1)],
      }),
    );
    const { code, out } = await lab(['diff', before, after]);
    assert.is(code, 1);
    assert.match(out, /M00 T01 elsewhere: outcome blocked instead of works/);
    assert.match(out, /M00 T02 elsewhere: only in .*before\.json/);
    await writeFile(after, '{"schema": 2}');
    assert.match((await lab(['diff', before, after])).err, /after\.json is no report of the lab/);
  }));

test('an interrupted run keeps what there is, says that it is partial, and exits with 3', async () => {
  const { code, out, err } = await lab(['run', '--full', '--format', 'json'], {}, /^0 %|^10 %/);
  assert.is(code, 3);
  const report = JSON.parse(out) as Report;
  assert.is(report.complete, false);
  assert.ok(report.cells.length > 0 && report.cells.length < report.profiles.length * report.thefts.length);
  assert.match(err, /The run was interrupted/);
});

test.run();
