import { parseArgs } from 'node:util';
import { Failure } from './failure.ts';
import { printable } from './printing.ts';
import type { Shell } from './shell.ts';

/** What a command is, and its arguments, checked against its table of options. */

/** One of the things that `holdfast` does. */
export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** All that `--help` prints. */
  readonly help: string;
  readonly options: OptionTable;
  /** Names of the arguments that must be there. */
  readonly required: readonly string[];
  /** How many arguments there may be. */
  readonly most: number;
  /** @returns the exit code; other ends are thrown as `Failure`. */
  run(args: Arguments, shell: Shell): Promise<number>;
}

export interface OptionShape {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  /** May be given several times. */
  readonly multiple?: boolean;
}

export type OptionTable = Readonly<Record<string, OptionShape>>;

export class Arguments {
  readonly positionals: readonly string[];
  readonly #given: ReadonlyMap<string, readonly string[]>;

  constructor(positionals: readonly string[], given: ReadonlyMap<string, readonly string[]>) {
    this.positionals = positionals;
    this.#given = given;
  }

  has(name: string): boolean {
    return this.#given.has(name);
  }

  text(name: string): string | undefined {
    return this.#given.get(name)?.[0];
  }

  texts(name: string): readonly string[] {
    return this.#given.get(name) ?? [];
  }

  /** The value of an option without which the command makes no sense. */
  required(name: string, value: string): string {
    const text = this.text(name);
    if (text !== undefined && text !== '') return text;
    throw new Failure('usage', `--${name} ${value} is missing`);
  }

  /** A number that is not negative. */
  number(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^\d{1,15}(?:\.\d{1,9})?$/.test(text)) return Number(text);
    throw new Failure('usage', `--${name} must be a number of seconds`);
  }

  /** One of a few words. */
  word<W extends string>(name: string, allowed: readonly W[]): W | undefined {
    const text = this.text(name);
    const word = allowed.find((each) => each === text);
    if (text === undefined || word !== undefined) return word;
    throw new Failure('usage', `--${name} must be ${allowed.join(' or ')}`);
  }
}

/** @throws Failure `usage` for options that are not in the table, or lack or have a value against it. */
export function readArguments(options: OptionTable, args: readonly string[]): Arguments {
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const positionals: string[] = [];
  const given = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const value = checkOption(options, token);
    const before = given.get(token.name) ?? [];
    if (before.length > 0 && options[token.name]?.multiple !== true)
      throw new Failure('usage', `${token.rawName} is given twice`);
    given.set(token.name, [...before, value]);
  }
  return new Arguments(positionals, given);
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function checkOption(options: OptionTable, { name, rawName, value, inlineValue }: OptionToken): string {
  const shape = Object.hasOwn(options, name) ? options[name] : undefined;
  if (shape === undefined) throw unknownOption(options, rawName);
  if (shape.type === 'boolean') {
    if (value === undefined) return '';
    throw new Failure('usage', `${rawName} takes no value`);
  }
  if (value === undefined) throw new Failure('usage', `${rawName} needs a value`);
  // An option that was left empty swallows the next one. `-` alone is stdin.
  if (inlineValue !== true && /^-./.test(value))
    throw new Failure('usage', `${rawName} needs a value (one that begins with a dash: --${name}=VALUE)`);
  return value;
}

function unknownOption(options: OptionTable, rawName: string): Failure {
  const names = Object.keys(options).map((name) => `--${name}`);
  const shorts = Object.values(options).map(({ short }) => `-${short}`);
  const near = rawName.startsWith('--')
    ? nearest(rawName, names)
    : shorts.find((short) => short.toLowerCase() === rawName.toLowerCase());
  return new Failure('usage', `there is no option ${quote(rawName)}${suggest(near)}`);
}

/** What was typed in place of a name may be a secret, which has no place in an error. */
export function quote(word: string): string {
  return word.length <= 24 ? printable(word) : 'of that name';
}

export function suggest(near: string | undefined): string {
  return near === undefined ? '' : `; did you mean ${near}?`;
}

/** The candidate that is fewest slips of the keyboard away, if it is near at all. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const letters = word.replace(/^-+/, '').length;
  const most = Math.min(3, Math.max(1, Math.floor(letters / 3)));
  const ranked = candidates
    .map((candidate) => ({ candidate, slips: distance(word.slice(0, 40), candidate) }))
    .sort((one, other) => one.slips - other.slips);
  return ranked.find(({ slips }) => slips <= most)?.candidate;
}

/** Letters to insert, delete, replace or swap with the next one. */
function distance(one: string, other: string): number {
  const rows: number[][] = [Array.from({ length: other.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => (rows[row] as number[])[column] as number;
  for (let row = 1; row <= one.length; row += 1) {
    const next = [row];
    rows.push(next);
    for (let column = 1; column <= other.length; column += 1) {
      const isSame = one[row - 1] === other[column - 1];
      const isSwapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      const ways = [
        at(row - 1, column) + 1,
        at(row, column - 1) + 1,
        at(row - 1, column - 1) + (isSame ? 0 : 1),
        isSwapped ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY,
      ];
      next.push(Math.min(...ways));
    }
  }
  return at(one.length, other.length);
}
