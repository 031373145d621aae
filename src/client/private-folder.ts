import { DpopClientError } from './errors.ts';

/**
 * A folder of files that only this user can read or write. Whatever in it others can use is refused instead of mended:
 * it may have been read, or put there, by somebody else.
 *
 * Windows has neither modes nor owners that Node could tell, so there only symbolic links are refused.
 */

interface FileStatus {
  readonly mode: number;
  readonly uid: number;
  isFile(): boolean;
  isDirectory(): boolean;
}

interface FileHandle {
  stat(): Promise<FileStatus>;
  readFile(encoding: 'utf8'): Promise<string>;
  writeFile(text: string): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** What we use of `node:fs/promises`. */
interface FileSystem {
  open(path: string, flags: number | string, mode?: number): Promise<FileHandle>;
  lstat(path: string): Promise<FileStatus>;
  mkdir(path: string, options: { recursive: true; mode: number }): Promise<unknown>;
  readdir(path: string): Promise<string[]>;
  link(path: string, other: string): Promise<void>;
  rename(path: string, other: string): Promise<void>;
  rm(path: string, options: { force: true }): Promise<void>;
  /** The last two are `undefined` on Windows, and there count as 0. */
  readonly constants: { readonly O_RDONLY: number; readonly O_NOFOLLOW: number; readonly O_NONBLOCK: number };
}

interface Paths {
  resolve(path: string): string;
  join(folder: string, file: string): string;
}

/** What Node, Deno and Bun have; asked of the process, since no module of ours imports anything of Node. */
interface Runtime {
  readonly process?: {
    getBuiltinModule?(name: string): unknown;
    /** The user's number; missing on Windows. */
    getuid?(): number;
  };
}

export class PrivateFolder {
  readonly #files: FileSystem;
  readonly #paths: Paths;
  readonly #folder: string;

  /** @throws DpopClientError `storage-unavailable` where there are no files. */
  constructor(folder: string) {
    const { process } = globalThis as Runtime;
    const files = process?.getBuiltinModule?.('node:fs/promises');
    const paths = process?.getBuiltinModule?.('node:path');
    if (files === undefined || paths === undefined)
      throw new DpopClientError(
        'storage-unavailable',
        'this runtime has no files, or is older than Node 20.16',
      );
    this.#files = files as FileSystem;
    this.#paths = paths as Paths;
    this.#folder = this.#paths.resolve(folder); // also takes the last slash away, which would follow a link
  }

  pathOf(file: string): string {
    return this.#paths.join(this.#folder, file);
  }

  /** A file's text, or `undefined` when there is no such file. */
  async read(file: string): Promise<string | undefined> {
    return this.#attempt('read', file, async () => {
      if (!(await this.#isPrivate(this.#folder, 'folder'))) return undefined;
      const path = this.pathOf(file);
      return (await this.#isPrivate(path, 'file')) ? this.#readPrivate(path) : undefined;
    });
  }

  /** Writes a file, in one step, unless there is one of this name. */
  async create(file: string, text: string): Promise<void> {
    await this.#write(file, text, async (temporary, path) => {
      await this.#files.link(temporary, path).catch(ignore('EEXIST')); // what decides between processes
    });
  }

  /** Writes a file in the place of the one of this name, in one step. */
  async replace(file: string, text: string): Promise<void> {
    await this.#write(file, text, (temporary, path) => this.#files.rename(temporary, path));
  }

  /** Removes a file, and what processes that died while they wrote it have left of it. */
  async remove(file: string): Promise<void> {
    await this.#attempt('removed', file, async () => {
      if (!(await this.#isPrivate(this.#folder, 'folder'))) return;
      const names = await this.#files.readdir(this.#folder);
      for (const name of names.filter((each) => each === file || isTemporary(each, file)))
        await this.#files.rm(this.pathOf(name), { force: true });
      await this.#syncFolder();
    });
  }

  /** Into a temporary file of the same folder first: nobody ever sees half of it. */
  async #write(
    file: string,
    text: string,
    settle: (temporary: string, path: string) => Promise<void>,
  ): Promise<void> {
    await this.#attempt('written', file, async () => {
      await this.#files.mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await this.#isPrivate(this.#folder, 'folder');
      const temporary = this.pathOf(temporaryName(file));
      try {
        await this.#writeNew(temporary, text);
        await settle(temporary, this.pathOf(file));
      } finally {
        await this.#files.rm(temporary, { force: true });
      }
      await this.#syncFolder();
    });
  }

  async #writeNew(path: string, text: string): Promise<void> {
    const handle = await this.#files.open(path, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  /** Judged again once it is open: what a path leads to may have changed since. */
  async #readPrivate(path: string): Promise<string> {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = this.#files.constants;
    const handle = await this.#files.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      requirePrivate(path, 'file', await handle.stat());
      return await handle.readFile('utf8');
    } finally {
      await handle.close();
    }
  }

  /** True when it is private, false when it is not there. */
  async #isPrivate(path: string, kind: 'file' | 'folder'): Promise<boolean> {
    const status = await this.#files.lstat(path).catch(ignore('ENOENT'));
    if (status === undefined) return false;
    requirePrivate(path, kind, status);
    return true;
  }

  /** So that the name is on the disk too. Windows cannot. */
  async #syncFolder(): Promise<void> {
    if (userId() === undefined) return;
    const handle = await this.#files.open(this.#folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async #attempt<T>(what: string, file: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (cause) {
      if (cause instanceof DpopClientError) throw cause;
      const { code } = cause as { code?: string };
      throw new DpopClientError(
        'storage-unavailable',
        `${this.pathOf(file)} cannot be ${what} (${code})`,
        cause,
      );
    }
  }
}

function requirePrivate(path: string, kind: 'file' | 'folder', status: FileStatus): void {
  const isKind = kind === 'file' ? status.isFile() : status.isDirectory();
  if (!isKind) refuse(`${path} is no ${kind} but something else, such as a symbolic link`);
  const user = userId();
  if (user === undefined) return;
  if (status.uid !== user) refuse(`${path} belongs to another user`);
  const mode = (status.mode & 0o777).toString(8).padStart(4, '0');
  const rightMode = kind === 'file' ? '600' : '700';
  if ((status.mode & 0o077) !== 0)
    refuse(`${path} has mode ${mode}, so others can use it: chmod ${rightMode} '${path}'`);
}

function refuse(message: string): never {
  throw new DpopClientError('insecure-file', message);
}

function userId(): number | undefined {
  return (globalThis as Runtime).process?.getuid?.();
}

function temporaryName(file: string): string {
  return `.${file}.${crypto.randomUUID()}.tmp`;
}

function isTemporary(name: string, file: string): boolean {
  const { length } = temporaryName(file);
  return name.length === length && name.startsWith(`.${file}.`) && name.endsWith('.tmp');
}

/** Takes one error for an answer. */
function ignore(expected: string): (error: { code?: string }) => undefined {
  return (error) => {
    if (error.code !== expected) throw error;
  };
}
