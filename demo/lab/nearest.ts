/** Things with an id and a slug: how people name them, and what they may have meant. */

export interface Named {
  readonly id: string;
  readonly slug: string;
}

/** By id or slug; case does not count. */
export function findNamed<T extends Named>(all: readonly T[], name: string): T | undefined {
  const wanted = name.toLowerCase();
  return all.find(({ id, slug }) => id.toLowerCase() === wanted || slug.toLowerCase() === wanted);
}

/** Up to three that a misspelt name may have meant, nearest first; none where nothing is near. */
export function nearest<T extends Named>(all: readonly T[], name: string): readonly T[] {
  const wanted = name.toLowerCase().slice(0, maxLength);
  return all
    .map((one) => ({ one, distance: Math.min(distanceTo(one.id, wanted), distanceTo(one.slug, wanted)) }))
    .filter(({ distance }) => distance <= tolerance)
    .sort((left, right) => left.distance - right.distance)
    .slice(0, 3)
    .map(({ one }) => one);
}

/** `There is no profile "D55"; nearest: D5 (dpop-shared), DB5 (...).` One sentence, safe to print. */
export function unknownName(kind: string, all: readonly Named[], name: string): string {
  const near = nearest(all, name).map(({ id, slug }) => `${id} (${slug})`);
  const hint = near.length === 0 ? '' : `; nearest: ${near.join(', ')}`;
  return `There is no ${kind} ${quote(name)}${hint}.`;
}

const maxLength = 40;
// Of the longer of both names: half of its letters may be wrong.
const tolerance = 0.5;

/** Cut to 40 characters; whatever a terminal would act on becomes a question mark. */
function quote(name: string): string {
  const printable = name.slice(0, maxLength).replace(/[^\x20-\x7e]/g, '?');
  return JSON.stringify(name.length > maxLength ? `${printable}...` : printable);
}

/** 0: the same. 1: nothing in common. A word that is a part of the other is near. */
function distanceTo(name: string, wanted: string): number {
  const text = name.toLowerCase();
  const length = Math.max(text.length, wanted.length, 1);
  const contained = wanted.length > 2 && text.includes(wanted);
  return contained ? 0.1 : editDistance(text, wanted) / length;
}

/** Levenshtein: letters to add, to take away or to replace. */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...left].entries()) row = nextRow(row, index + 1, letter, right);
  return row.at(-1) ?? 0;
}

function nextRow(above: readonly number[], first: number, letter: string, right: string): number[] {
  const row = [first];
  for (let column = 1; column < above.length; column++) {
    const replaced = (above[column - 1] ?? 0) + (right[column - 1] === letter ? 0 : 1);
    row.push(Math.min(replaced, (above[column] ?? 0) + 1, (row[column - 1] ?? 0) + 1));
  }
  return row;
}
