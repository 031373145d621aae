/** What comes from elsewhere, made fit for a terminal. */

const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

/** Escapes whatever could steer a terminal or hide in it, and cuts what is longer than `max` characters. */
export function printable(text: string, max = 200): string {
  const cut = text.length > max ? `${text.slice(0, max)}... (${text.length} characters)` : text;
  return cut.replace(unprintable, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** Any JSON value on one line; texts without quotes. */
export function inline(value: unknown): string {
  return printable(typeof value === 'string' ? value : (JSON.stringify(value) ?? 'absent'));
}

export type Colour = 'green' | 'red' | 'dim';

const codes: Readonly<Record<Colour, number>> = { green: 32, red: 31, dim: 2 };

/** Colours a text, or leaves it alone. */
export type Paint = (colour: Colour, text: string) => string;

/** Colours for terminals alone, and for nobody who has set `NO_COLOR`. */
export function paintFor(
  output: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): Paint {
  const plain = output.isTTY !== true || (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  return plain ? (_, text) => text : (colour, text) => `\u001b[${codes[colour]}m${text}\u001b[0m`;
}

/** Names and values in two columns. */
export function table(rows: readonly (readonly [name: string, value: string])[], indent = '  '): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${indent}${name.padEnd(width)}  ${value}\n`).join('');
}

const units = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const;
const words = new Intl.RelativeTimeFormat('en', { numeric: 'always' });

/** A time as seen from `now`, such as `3 hours ago`; both in seconds since the epoch. */
export function relativeTime(time: number, now: number): string {
  const seconds = Math.round(time - now);
  // Two of a unit at least: "90 minutes ago" says more than "1 hour ago".
  const [unit, length] = units.find(([, each]) => Math.abs(seconds) >= 2 * each) ?? ['second', 1];
  return seconds === 0 ? 'now' : words.format(Math.trunc(seconds / length), unit);
}

/** A claim that should be a time, with what it means. */
export function timeInWords(value: unknown, now: number): string {
  if (typeof value !== 'number') return `${inline(value)} (not a time)`;
  const date = new Date(value * 1000);
  if (Number.isNaN(date.getTime())) return `${value} (no date has this number)`;
  return `${value} (${date.toISOString().replace('.000Z', 'Z')}, ${relativeTime(value, now)})`;
}
