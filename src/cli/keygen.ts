import { generateKeyPair } from '../client/index.ts';
import type { Arguments, Command } from './arguments.ts';
import { exitCodes } from './failure.ts';
import { writeKey } from './key-file.ts';
import { table } from './printing.ts';
import { type Shell, write } from './shell.ts';

export const keygen: Command = {
  name: 'keygen',
  summary: 'make a key and keep it in a file',
  help: `Usage: holdfast keygen --key FILE [OPTIONS]

Makes a key, writes it to FILE as a private JWK (mode 0600, never over a file that is
there), and prints its thumbprint (the value of dpop_jkt and cnf.jkt) and its public JWK.

Options:
  --key FILE           where the private key goes
  --algorithm NAME     ES256 (default, every server knows it) or Ed25519
  --json               print one line of JSON

Example:
  holdfast keygen --key key.json
`,
  options: {
    key: { type: 'string' },
    algorithm: { type: 'string' },
    json: { type: 'boolean' },
  },
  required: [],
  most: 0,
  run: makeKey,
};

async function makeKey(args: Arguments, shell: Shell): Promise<number> {
  const file = args.required('key', 'FILE');
  const algorithm = args.word('algorithm', ['ES256', 'Ed25519']) ?? 'ES256';
  const { privateKey, publicJwk, jkt } = await generateKeyPair({ algorithm, extractable: true });
  await writeKey(file, privateKey);
  const text = args.has('json')
    ? `${JSON.stringify({ file, algorithm, jkt, publicJwk })}\n`
    : table(
        [
          ['thumbprint', jkt],
          ['public JWK', JSON.stringify(publicJwk)],
        ],
        '',
      );
  await write(shell.stdout, text);
  return exitCodes.fine;
}
