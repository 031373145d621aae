import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Seat } from '../../../demo/lab/model.ts';
import { runningCells, sortBy, toggled } from '../../../demo/lab/page/matrix-choices.ts';
import { flipSentence, flipsBetween, missingFor } from '../../../demo/lab/page/matrix-flips.ts';
import { nextPlace } from '../../../demo/lab/page/matrix-keys.ts';
import { pinLines, togglePin } from '../../../demo/lab/page/matrix-pins.ts';
import {
  applyFilter,
  compareCells,
  countWorks,
  createCellIndex,
  foldRows,
  gain,
  longest,
  noFilter,
  sortProfiles,
} from '../../../demo/lab/page/matrix-rows.ts';
import { progressText } from '../../../demo/lab/page/matrix-run.ts';
import {
  arrange,
  cellsAt,
  foldText,
  lookOf,
  type MatrixState,
  rowLookOf,
} from '../../../demo/lab/page/matrix-state.ts';
import { aCatalogue, aCell, aProfile, aReport, aTheft, worksFor } from './_page-fixture.ts';

const test = suite('lab page: matrix');

const profiles = [
  aProfile('M00'),
  aProfile('M12'),
  aProfile('M13', { group: 'Who is asking', adds: ['ip'] }),
  aProfile('D5', { group: 'Proof of possession', adds: ['jti'] }),
];
const thefts = [
  aTheft('T01'),
  aTheft('T06', { group: 'Whole requests', loot: ['whole request'], slug: 'hold' }),
];
const catalogue = aCatalogue(profiles, thefts);
const cells = [
  worksFor('M00', 'T01', 3599),
  worksFor('M00', 'T06', 3599),
  worksFor('M12', 'T01', 3599),
  worksFor('M12', 'T06', 3599),
  aCell('M13', 'T01', { decidedBy: 'ip' }),
  aCell('M13', 'T06', { decidedBy: 'ip' }),
  worksFor('M13', 'T01', 3599, { seat: 'nat' }),
  worksFor('M13', 'T06', 3599, { seat: 'nat' }),
  aCell('D5', 'T01'),
  worksFor('D5', 'T06', 299, { outcome: 'narrowed' }),
  aCell('D5', 'T01', { seat: 'nat' }),
  worksFor('D5', 'T06', 299, { outcome: 'narrowed', seat: 'nat' }),
];
const index = createCellIndex(aReport(catalogue, cells));

function aState(more: Partial<MatrixState> = {}): MatrixState {
  return {
    catalogue,
    index,
    seat: 'elsewhere',
    filter: noFilter,
    sort: { by: 'catalogue' },
    foldEqual: true,
    expanded: new Set(),
    foldedGroups: new Set(),
    baseline: undefined,
    pins: [],
    running: new Set(),
    ...more,
  };
}

function rowsOf(state: MatrixState): readonly string[] {
  return arrange(state).layout.rows.map((row) => ('caption' in row ? `# ${row.caption}` : row.profile));
}

test('finds cells by profile, theft and seat', () => {
  assert.is(index.cell('M13', 'T01', 'elsewhere')?.outcome, 'blocked');
  assert.is(index.cell('M13', 'T01', 'nat')?.outcome, 'works');
  assert.is(index.cell('M13', 'T01', 'country'), undefined);
});

test('folds rows whose cells say the same, under captions of their groups', () => {
  assert.equal(rowsOf(aState()), [
    '# The token itself',
    'M00',
    '# Who is asking',
    'M13',
    '# Proof of possession',
    'D5',
  ]);
});

test('shows the members of a fold that is open, right below its first', () => {
  assert.equal(rowsOf(aState({ expanded: new Set(['M00']) })).slice(0, 3), [
    '# The token itself',
    'M00',
    'M12',
  ]);
});

test('folds nothing when told so', () => {
  assert.is(rowsOf(aState({ foldEqual: false })).filter((row) => !row.startsWith('#')).length, 4);
});

test('does not fold rows of which nothing is known', () => {
  const empty = aState({ index: createCellIndex(undefined) });
  assert.is(rowsOf(empty).filter((row) => !row.startsWith('#')).length, 4);
});

test('folds rows only where they are equal for every seat, so that a flip turns a row in its place', () => {
  const other = createCellIndex(aReport(catalogue, cells));
  other.put(worksFor('M12', 'T01', 3599, { seat: 'nat' }));
  assert.ok(rowsOf(aState({ index: other })).includes('M12'));
});

test('tells a window that ended otherwise from an equal one', () => {
  const other = createCellIndex(aReport(catalogue, cells));
  const window = { first: 1, last: 3599, firstFailure: 3600, endedBy: 'page' };
  other.put(worksFor('M12', 'T01', 3599, { window }));
  assert.ok(rowsOf(aState({ index: other })).includes('M12'));
});

test('folds equal keys into the first of them, in the order given', () => {
  const folds = foldRows(profiles, ({ id }) => id.slice(0, 1));
  assert.equal(
    folds.map(({ first, members }) => [first.id, members.length]),
    [
      ['M00', 3],
      ['D5', 1],
    ],
  );
});

test('sorts by a theft, by the number of works and by the longest window, the worst first', () => {
  const cellOf = cellsAt({ index, seat: 'elsewhere' });
  const ids = thefts.map(({ id }) => id);
  const order = (sort: MatrixState['sort']): string =>
    sortProfiles(profiles, sort, ids, cellOf)
      .map(({ id }) => id)
      .join(' ');
  assert.is(order({ by: 'theft', theft: 'T06' }), 'M00 M12 D5 M13');
  assert.is(order({ by: 'works' }), 'M00 M12 D5 M13');
  assert.is(order({ by: 'longest' }), 'M00 M12 D5 M13');
  assert.is(order({ by: 'catalogue' }), 'M00 M12 M13 D5');
});

test('puts a window without end before every other', () => {
  const endless = createCellIndex(aReport(catalogue, [...cells, worksFor('D5', 'T01', null)]));
  const order = sortProfiles(
    profiles,
    { by: 'longest' },
    ['T01', 'T06'],
    cellsAt({ index: endless, seat: 'elsewhere' }),
  );
  assert.is(order[0]?.id, 'D5');
});

test('counts what works and how long, per row', () => {
  const cellOf = cellsAt({ index, seat: 'elsewhere' });
  assert.is(countWorks('M00', ['T01', 'T06'], cellOf), 2);
  assert.is(countWorks('D5', ['T01', 'T06'], cellOf), 1);
  assert.is(longest('D5', ['T01', 'T06'], cellOf), 299);
  assert.is(longest('M13', ['T01', 'T06'], cellOf), 0);
});

test('counts an error neither as a success nor as blocked', () => {
  assert.is(gain(aCell('M00', 'T01', { outcome: 'error' })), -1);
  assert.is(gain(aCell('M00', 'T01')), 0);
});

test('filters by text: names of thefts keep columns, names of profiles keep rows', () => {
  const byText = (text: string): readonly [string, string] => {
    const { profiles: rows, thefts: columns } = applyFilter(
      { ...noFilter, text },
      catalogue,
      cellsAt(aState()),
    );
    return [[...rows].join(' '), [...columns].join(' ')];
  };
  assert.equal(byText('HOLD'), ['M00 M12 M13 D5', 'T06']);
  assert.equal(byText('m13'), ['M13', 'T01 T06']);
  assert.equal(byText('no such thing'), ['', '']);
});

test('filters by loot, outcome and check', () => {
  const cellOf = cellsAt(aState());
  const loot = applyFilter({ ...noFilter, loot: 'whole request' }, catalogue, cellOf);
  assert.equal([...loot.thefts], ['T06']);
  const narrowed = applyFilter({ ...noFilter, outcome: 'narrowed' }, catalogue, cellOf);
  assert.equal([[...narrowed.profiles], [...narrowed.thefts]], [['D5'], ['T06']]);
  assert.not(narrowed.matches(index.cell('D5', 'T01', 'elsewhere')));
  const check = applyFilter({ ...noFilter, check: 'ip' }, catalogue, cellOf);
  assert.equal([...check.profiles], ['M13']);
});

test('compares with a baseline by what the thief gets', () => {
  const base = worksFor('M00', 'T01', 3599);
  assert.is(compareCells(base, worksFor('D3', 'T01', 3599)), 'same');
  assert.is(compareCells(base, aCell('D5', 'T01')), 'less');
  assert.is(compareCells(base, worksFor('M33', 'T01', null)), 'more');
  assert.is(compareCells(aCell('D5', 'T01'), aCell('M13', 'T01', { decidedBy: 'ip' })), 'same');
  assert.is(compareCells(aCell('D5', 'T01'), aCell('D5', 'T01', { hurt: 'jti' })), 'other');
  assert.is(compareCells(base, aCell('D5', 'T01', { outcome: 'error' })), 'unknown');
  assert.is(compareCells(undefined, base), 'unknown');
});

test('shows in a cell what is known, running, pinned and changed', () => {
  const { filtered } = arrange(aState());
  const look = lookOf(aState({ baseline: 'M00' }), filtered, 'D5', 'T06');
  assert.is(look.mark, 'narrowed');
  assert.is(look.text, '5 min');
  assert.is(look.change, 'less');
  assert.is(look.label, 'T06 under D5: works for 5 min, ended by exp');
  assert.is(lookOf(aState({ running: new Set(['D5/T06']) }), filtered, 'D5', 'T06').mark, 'running');
  const pins = [{ profile: 'D5', theft: 'T06', seat: 'elsewhere' as Seat }];
  assert.ok(lookOf(aState({ pins }), filtered, 'D5', 'T06').pinned);
  assert.not(lookOf(aState({ pins, seat: 'nat' }), filtered, 'D5', 'T06').pinned);
});

test('says on a row how many works, how long, and for how many it stands', () => {
  const state = aState();
  const look = rowLookOf(state, arrange(state), profiles[0] ?? aProfile('M00'));
  assert.equal(
    { works: look.works, longest: look.longest, note: look.note },
    { works: '2', longest: '1 h', note: '2 profiles, same result' },
  );
  assert.is(foldText(state, 'D5', ['T01', 'T06']), '1 of 2');
});

test('finds what flips with the seat, and that it is in rows that look at addresses', () => {
  const flips = flipsBetween(catalogue, index, 'elsewhere', 'nat');
  assert.equal(
    flips.map(({ profile, theft, change }) => `${profile} ${theft} ${change}`),
    ['M13 T01 more', 'M13 T06 more'],
  );
  assert.is(
    flipSentence(flips, profiles, 'nat'),
    'Thief behind Alice’s address: 2 cells changed, all in the row of M13, which looks at addresses.',
  );
});

test('names the rows of a flip that have nothing to do with addresses', () => {
  const flips = [{ profile: 'D5', theft: 'T01', change: 'more' }] as const;
  assert.is(flipSentence(flips, profiles, 'country'), 'Thief in Alice’s country: 1 cell changed, in D5.');
  assert.is(flipSentence([], profiles, 'country'), 'Thief in Alice’s country: no cell changed.');
});

test('asks a run only for what a seat lacks', () => {
  assert.is(missingFor(catalogue, index, 'elsewhere'), undefined);
  assert.equal(missingFor(catalogue, index, 'nat'), { profiles: ['M00', 'M12'], thefts: ['T01', 'T06'] });
});

test('shows as running what is not known, and a single cell in any case', () => {
  const wish = { profiles: ['M00', 'M13'], thefts: ['T01'], seats: ['nat'], mode: 'quick' } as const;
  assert.equal([...runningCells({ index }, wish)], ['M00/T01']);
  assert.equal([...runningCells({ index }, { ...wish, profiles: ['M13'] })], ['M13/T01']);
});

test('sorts by the head that is chosen, and back by the same', () => {
  const theft = sortBy({ by: 'catalogue' }, { kind: 'theft', theft: 'T06' });
  assert.equal(theft, { by: 'theft', theft: 'T06' });
  assert.equal(sortBy(theft, { kind: 'theft', theft: 'T06' }), { by: 'catalogue' });
  assert.equal(sortBy(theft, { kind: 'works-head', theft: '' }), { by: 'works' });
  assert.equal(sortBy({ by: 'works' }, { kind: 'origin-head', theft: '' }), { by: 'catalogue' });
  assert.equal([...toggled(new Set(['a']), 'a')], []);
  assert.equal([...toggled(new Set(['a']), 'b')], ['a', 'b']);
});

test('moves by the keys of the grid pattern, and stays inside', () => {
  const extent = { rows: 10, columns: 6, groupStarts: [2, 5, 8] };
  const from = (row: number, column: number, key: string, control = false): string => {
    const place = nextPlace(key, control, { row, column }, extent);
    return place === undefined ? 'none' : `${place.row},${place.column}`;
  };
  assert.is(from(0, 0, 'ArrowUp'), '0,0');
  assert.is(from(9, 5, 'ArrowDown'), '9,5');
  assert.is(from(9, 5, 'ArrowRight'), '9,5');
  assert.is(from(3, 2, 'ArrowLeft'), '3,1');
  assert.is(from(3, 2, 'Home'), '3,0');
  assert.is(from(3, 2, 'End'), '3,5');
  assert.is(from(3, 2, 'Home', true), '0,0');
  assert.is(from(3, 2, 'End', true), '9,5');
  assert.is(from(3, 2, 'PageDown'), '5,2');
  assert.is(from(8, 2, 'PageDown'), '9,2');
  assert.is(from(5, 2, 'PageUp'), '2,2');
  assert.is(from(2, 2, 'PageUp'), '0,2');
  assert.is(from(3, 2, 'a'), 'none');
});

test('keeps two pins, lets a third take the place of the second, and takes a pin back', () => {
  const pin = (theft: string) => ({ profile: 'D5', theft, seat: 'elsewhere' as Seat });
  const two = togglePin(togglePin([], pin('T01')), pin('T06'));
  assert.is(two.length, 2);
  assert.equal(togglePin(two, pin('T02')), [pin('T01'), pin('T02')]);
  assert.equal(togglePin(two, pin('T01')), [pin('T06')]);
});

test('lays two pinned cells side by side, and marks what differs', () => {
  const pins = [
    { profile: 'M00', theft: 'T06', seat: 'elsewhere' as Seat },
    { profile: 'D5', theft: 'T06', seat: 'elsewhere' as Seat },
  ];
  const lines = pinLines(pins, aState({ pins }));
  const differs = Object.fromEntries(lines.map((line) => [line.name, line.differs]));
  assert.is(differs['Theft'], false);
  assert.is(differs['Profile'], true);
  assert.is(differs['Result'], true);
  assert.equal(lines.find(({ name }) => name === 'Last success')?.values, ['1 h (3,599 s)', '5 min (299 s)']);
});

test('says how far a run is, and how long it still takes once that can be told', () => {
  assert.is(progressText(1, 3150, 5), '1 of 3,150 cells');
  assert.is(progressText(1050, 3150, 20), '1,050 of 3,150 cells, about 40 s left');
  assert.is(progressText(3150, 3150, 20), '3,150 of 3,150 cells');
});

test.run();
