import { createProof } from '../client/index.ts';
import type { Arguments, Command } from './arguments.ts';
import { exitCodes } from './failure.ts';
import { readKey } from './key-file.ts';
import { requireOneStdin, type Shell, write } from './shell.ts';
import { findToken, tokenFile, tokenHelp, tokenOptions } from './token-source.ts';

export const sign: Command = {
  name: 'sign',
  summary: 'sign a proof for one request',
  help: `Usage: holdfast sign METHOD URL --key FILE [OPTIONS]

Prints one DPoP proof for this request. It is good for one use, and for about a minute.

Options:
  --key FILE           the private key, made by keygen; - for stdin
${tokenHelp}  --nonce NONCE        the latest DPoP-Nonce of this server
  --now SECONDS        sign as of this time, in seconds since 1970 (default: now)

Example:
  curl -H "DPoP: $(holdfast sign POST https://as.example/token --key key.json)" \\
    -d grant_type=client_credentials https://as.example/token
`,
  options: {
    ...tokenOptions,
    key: { type: 'string' },
    nonce: { type: 'string' },
    now: { type: 'string' },
  },
  required: ['METHOD', 'URL'],
  most: 2,
  run: signOne,
};

async function signOne(args: Arguments, shell: Shell): Promise<number> {
  const [method = '', url = ''] = args.positionals;
  const keyFile = args.required('key', 'FILE');
  requireOneStdin([keyFile, tokenFile(args)]);
  const now = args.number('now');
  const accessToken = await findToken(args, shell);
  const key = await readKey(keyFile, shell);
  const proof = await createProof(key, { method, url, accessToken, nonce: args.text('nonce'), now });
  await write(shell.stdout, `${proof}\n`);
  return exitCodes.fine;
}
