/**
 * Looks at the package as its users get it: packs the tarball, lints it, installs it in an empty project outside this
 * repository, and loads every entry point there. Run by `npm run pack:check`, after a build.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Manifest {
  name: string;
  exports: Record<string, unknown>;
}

interface Packed {
  filename: string;
  size: number;
  unpackedSize: number;
  files: { path: string }[];
}

const root = join(import.meta.dirname, '../../..');

async function main(): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), 'holdfast-pack-'));
  try {
    const tarball = await pack(scratch);
    await lint(tarball);
    const project = await install(tarball, join(scratch, 'project'));
    await loadEntries(project);
    console.log('The package is fit to publish.');
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  } finally {
    await rm(scratch, { recursive: true });
  }
}

async function pack(folder: string): Promise<string> {
  // Without the scripts: they would build again, under the feet of whatever reads dist at the moment.
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
  const [packed] = JSON.parse(await run('npm pack', 'npm', args, root)) as Packed[];
  if (packed === undefined) throw new Error('npm pack made no tarball.');
  for (const needed of ['README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md']) {
    if (!packed.files.some((file) => file.path === needed)) throw new Error(`The tarball lacks ${needed}.`);
  }
  const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;
  const sizes = `${kilobytes(packed.size)} packed, ${kilobytes(packed.unpackedSize)} unpacked`;
  console.log(`${packed.filename}: ${packed.files.length} files, ${sizes}`);
  return join(folder, packed.filename);
}

async function lint(tarball: string): Promise<void> {
  await run('publint', 'publint', [tarball, '--strict'], root);
  await run('attw', 'attw', [tarball, '--profile', 'esm-only', '--no-color'], root);
  console.log('publint and attw have no objection');
}

/** The peers stay away: every entry point must load without them. */
async function install(tarball: string, project: string): Promise<string> {
  await mkdir(project);
  await writeFile(join(project, 'package.json'), '{ "private": true }');
  // The prefix is said outright, because npm hands its own to the scripts it runs.
  const args = ['install', '--prefix', project, '--prefer-offline', '--no-audit', '--no-fund', tarball];
  await run('The installation of the tarball', 'npm', args, project);
  return project;
}

async function loadEntries(project: string): Promise<void> {
  // A parse boundary: npm has just accepted this very file as a manifest.
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Manifest;
  for (const entry of Object.keys(manifest.exports)) {
    const specifier = manifest.name + entry.slice(1);
    const isJson = entry.endsWith('.json');
    const required = await namesIn(`require('${specifier}')`, specifier, project);
    const imported = isJson ? required : await namesIn(`await import('${specifier}')`, specifier, project);
    if (imported.length === 0) throw new Error(`${specifier} exports nothing.`);
    if (imported.join() !== required.join()) {
      throw new Error(`${specifier} gives import ${imported.join(', ')} but require ${required.join(', ')}.`);
    }
    console.log(
      isJson ? `${specifier}: require` : `${specifier}: import and require give ${imported.join(', ')}`,
    );
  }
}

async function namesIn(expression: string, specifier: string, project: string): Promise<string[]> {
  const type = expression.startsWith('await') ? 'module' : 'commonjs';
  const script = `console.log(JSON.stringify(Object.keys(${expression}).sort()))`;
  const names = await run(
    `Loading ${specifier}`,
    process.execPath,
    [`--input-type=${type}`, '-e', script],
    project,
  );
  return JSON.parse(names) as string[];
}

/** Gives what the command wrote to its standard output; throws with everything it wrote when it fails. */
function run(what: string, command: string, args: string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${what} failed: ${error.message}\n${stdout}${stderr}`));
    });
  });
}

await main();
