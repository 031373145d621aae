import { DpopClientError } from '../client/index.ts';
import { type Command, nearest, quote, readArguments, suggest } from './arguments.ts';
import { codeOf, exitCodes, Failure } from './failure.ts';
import { inspect } from './inspect.ts';
import { keygen } from './keygen.ts';
import { request } from './request.ts';
import { remark, type Shell, write } from './shell.ts';
import { sign } from './sign.ts';
import { version } from './version.ts';

/** From arguments to an exit code: finds the command, runs it, tells of its failure in one sentence. */

const commands: readonly Command[] = [keygen, sign, request, inspect];

const overview = `DPoP (RFC 9449) in the shell: tokens that are worthless to whoever steals them.

Usage: holdfast COMMAND [ARGUMENTS] [OPTIONS]

Commands:
${commands.map(({ name, summary }) => `  ${name.padEnd(9)}  ${summary}\n`).join('')}
Options:
  -h, --help  this text, or with a command what that one does
  --version   print the version

Secrets on a command line show up in process lists: give tokens by file, by stdin (-),
or in the variable HOLDFAST_TOKEN. Key files are refused when others can read them.

Exit codes:
  0    done; of inspect: no check failed
  1    refused by the server (with --fail); of inspect: a check failed
  2    wrong usage
  3    no answer: could not connect, broken off, or --max-time is over
  4    a file cannot be used: not there, not readable, or a key that others can read
  70   a fault of holdfast itself
  141  nobody reads the output any more
`;

const common = { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean' } } as const;

/** @returns the exit code. Never throws. */
export async function run(args: readonly string[], shell: Shell): Promise<number> {
  try {
    return await dispatch(args, shell);
  } catch (error) {
    return report(error, shell);
  }
}

async function dispatch(args: readonly string[], shell: Shell): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined) throw new Failure('usage', 'a command is missing: holdfast --help lists them');
  if (name === 'help') return dispatch([...rest.filter((each) => !each.startsWith('-')), '--help'], shell);
  if (name.startsWith('-')) return answerWithout(args, shell);
  const command = commands.find((each) => each.name === name);
  if (command === undefined) throw unknownCommand(name);
  if (rest.includes('--help') || rest.includes('-h')) return print(command.help, shell);
  return runCommand(command, rest, shell);
}

/** What can be asked without a command. */
async function answerWithout(args: readonly string[], shell: Shell): Promise<number> {
  const given = readArguments(common, args);
  if (given.has('version')) return print(`${await version()}\n`, shell);
  return print(overview, shell);
}

function unknownCommand(name: string): Failure {
  const near = nearest(
    name,
    commands.map((each) => each.name),
  );
  return new Failure('usage', `there is no command ${quote(name)}${suggest(near)}`);
}

async function runCommand(command: Command, args: readonly string[], shell: Shell): Promise<number> {
  const given = readArguments({ ...command.options, ...common }, args);
  const missing = command.required[given.positionals.length];
  if (missing !== undefined)
    throw new Failure('usage', `${missing} is missing: holdfast ${command.name} --help tells how to use it`);
  if (given.positionals.length > command.most)
    throw new Failure('usage', `${command.name} takes ${countOf(command.most)}`);
  return command.run(given, shell);
}

function countOf(most: number): string {
  return most === 0 ? 'no arguments, only options' : `at most ${most} argument${most === 1 ? '' : 's'}`;
}

async function print(text: string, shell: Shell): Promise<number> {
  await write(shell.stdout, text);
  return exitCodes.fine;
}

async function report(error: unknown, shell: Shell): Promise<number> {
  const failure = toFailure(error);
  if (failure.ending !== 'brokenPipe') await remark(shell, `holdfast: ${failure.message}`);
  return exitCodes[failure.ending];
}

/** What the library refuses in an input of ours is wrong usage; it says `holdfast: ` itself. */
function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const { message } = error instanceof Error ? error : new Error();
  const isOurs = message.startsWith('holdfast: ');
  if (isOurs && (error instanceof DpopClientError || error instanceof TypeError))
    return new Failure('usage', message.slice('holdfast: '.length), error);
  // Its message is unknown to us and may quote anything.
  return new Failure('fault', `an unforeseen error (${codeOf(error)}): please report it`, error);
}
