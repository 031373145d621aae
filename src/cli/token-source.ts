import type { Arguments, OptionTable } from './arguments.ts';
import { Failure } from './failure.ts';
import { readSource, type Shell } from './shell.ts';

/** An access token, from wherever it is safe: on a command line every user of the machine can read it. */

export const tokenOptions: OptionTable = {
  token: { type: 'string' },
  'token-file': { type: 'string' },
  'no-token': { type: 'boolean' },
};

export const tokenHelp = `  --token TOKEN        the access token; process lists show it, so rather use:
  --token-file FILE    a file that holds it, - for stdin
                       without either: the variable HOLDFAST_TOKEN, if it is set
  --no-token           none, whatever the variable says
`;

/** What stdin would be read for. */
export function tokenFile(args: Arguments): string | undefined {
  return args.text('token') === '-' ? '-' : args.text('token-file');
}

/** @returns `undefined` when none is given anywhere. */
export async function findToken(args: Arguments, shell: Shell): Promise<string | undefined> {
  const given = Object.keys(tokenOptions).filter((name) => args.has(name));
  if (given.length > 1) throw new Failure('usage', `--${given.join(' and --')} exclude each other`);
  if (args.has('no-token')) return undefined;
  const file = tokenFile(args);
  const text = file === undefined ? args.text('token') : decode(await readSource(file, shell));
  const token = (text ?? shell.env['HOLDFAST_TOKEN'])?.trim();
  if (token !== '') return token;
  // Set to nothing, the variable means what it means when it is not set.
  if (text === undefined) return undefined;
  throw new Failure('usage', 'the access token is empty');
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
