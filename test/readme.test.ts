import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { dpopErrorReasons } from '../src/index.ts';

const documents = suite('documents');

const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');

function snippets(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, code = '']) => code,
  );
}

documents('every TypeScript snippet of the README compiles against the built package, strictly', () => {
  const folder = join(root, 'coverage', 'readme');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const code = snippets('ts');
  assert.ok(code.length >= 4);
  for (const [index, text] of code.entries()) writeFileSync(join(folder, `snippet-${index}.ts`), text);
  // Strict, but not in our way of writing down every type.
  const compilerOptions = { rootDir: '.', isolatedDeclarations: false };
  const options = { extends: '../../tsconfig.json', compilerOptions, include: ['.'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(options));
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  try {
    execFileSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });
  } catch (error) {
    assert.unreachable((error as { stdout: string }).stdout);
  }
});

documents('a Koa API is protected in under 15 lines, requests are signed in under 10', () => {
  const [protect = '', sign = ''] = snippets('ts');
  const lines = (code: string): number => code.split('\n').filter((line) => line.trim() !== '').length;
  assert.ok(lines(protect) < 15, `${lines(protect)} lines`);
  assert.ok(lines(sign) < 10, `${lines(sign)} lines`);
});

documents('every shell command of the README is a script of this package', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
  const commands = [...readme.matchAll(/\bnpm (start|test|run ([\w:]+))/g)].map(
    ([, short, long]) => long ?? short ?? '',
  );
  assert.ok(commands.length >= 3);
  for (const command of commands) assert.ok(command in scripts, command);
});

documents('every reason that the README explains exists', () => {
  const section = readme.slice(readme.indexOf('It is 2 a.m.'), readme.indexOf('What does the proof say'));
  const rows = [...section.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, reason = '']) => reason),
  );
  assert.ok(rows.length > 8);
  const known: readonly string[] = dpopErrorReasons;
  for (const reason of rows) assert.ok(known.includes(reason), reason);
});

documents('every file that the documents link to exists', () => {
  for (const name of [
    'README.md',
    'SECURITY.md',
    'CHANGELOG.md',
    'spec-notes/README.md',
    'spec-notes/rfc9449.md',
    'spec-notes/lab.md',
  ]) {
    const file = join(root, name);
    for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)) {
      assert.ok(existsSync(join(dirname(file), target)), `${name} links to ${target}`);
    }
  }
});

documents.run();
