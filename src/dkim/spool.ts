// Owns the place where one message waits until it is complete: memory while it is small, then a file that has no name.

import { randomUUID } from 'node:crypto';
import { close, closeSync, constants, mkdirSync, openSync, read, unlinkSync, write } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Refusal, refuse } from '../refusal.ts';

export interface SpoolSettings {
  readonly spoolFolder: string;
  /** What one message may take of memory before it goes to a file. */
  readonly maxMemoryBytes: number;
  /** What all files together may take. */
  readonly maxSpoolBytes: number;
}

export interface Spools {
  begin(): Spool;
  /** For the operator, where no file can be made. */
  whyUnusable(): string | undefined;
}

const FIRST_BLOCK = 16_384;
const BLOCK = 65_536;
/** Read at once: with 64 KiB at a time ten messages leave 30 MB more behind than the collector fetches in time. */
const PIECE = 32_768;
/** Full blocks on their way to the file; with more of them the writer has to wait. */
const WAITING = 2;
const NOTHING = Buffer.alloc(0);

const readAt = promisify(read);
const writeAt = promisify(write);

export function createSpools(settings: SpoolSettings): Spools {
  const room = { taken: 0 };
  return {
    begin: () => new Spool(settings, room),
    whyUnusable() {
      try {
        closeSync(openUnnamed(settings.spoolFolder));
        return undefined;
      } catch (error) {
        return `no file can be made in ${settings.spoolFolder} (${codeOf(error)}); name a folder that Postern may write to`;
      }
    },
  };
}

/** Written from its beginning to its end, then read so. Whatever goes wrong is a refusal, after which nothing is kept. */
export class Spool {
  readonly #settings: SpoolSettings;
  /** Of all spools. */
  readonly #room: { taken: number };
  /** Why it has no more use: the disk is full, cannot be written to, or is slow to tell so. */
  failure: Refusal | undefined;
  /** Full ones: all of them, or, where there is a file, those that are on their way to it. */
  #blocks: Buffer[] = [];
  /** The one that is being filled. */
  #block: Buffer = NOTHING;
  #filled = 0;
  /** Written to the file; may be filled again. */
  #spare: Buffer | undefined;
  #bytes = 0;
  #file: number | undefined;
  #fileBytes = 0;
  /** What is taken of the room. */
  #taken = 0;
  #busy = false;
  #closed = false;
  #moved = Promise.withResolvers<void>();

  constructor(settings: SpoolSettings, room: { taken: number }) {
    this.#settings = settings;
    this.#room = room;
  }

  /** Copies the bytes. False: wait for {@link Spool.drained}. */
  write(bytes: Buffer): boolean {
    let rest = bytes;
    while (rest.length > 0 && !this.#over) {
      if (this.#filled === this.#block.length) this.#nextBlock();
      const taken = rest.copy(this.#block, this.#filled);
      this.#filled += taken;
      this.#bytes += taken;
      rest = rest.subarray(taken);
    }
    if (this.#bytes > this.#settings.maxMemoryBytes && !this.#over) this.#spill();
    return this.#file === undefined || this.#blocks.length < WAITING;
  }

  /** Resolves when more may be written; also when nothing more need be, see {@link Spool.failure}. */
  async drained(): Promise<void> {
    while (!this.#over && this.#file !== undefined && this.#blocks.length >= WAITING)
      await this.#moved.promise;
  }

  /** All that was written, in pieces; ends early where it is closed, or with a {@link Spool.failure}. */
  async *pieces(): AsyncGenerator<Buffer, void, void> {
    const last = this.#block.subarray(0, this.#filled);
    if (this.#file === undefined) {
      for (const block of [...this.#blocks, last]) if (!this.#over && block.length > 0) yield block;
      return;
    }
    if (last.length > 0) this.#blocks.push(last);
    this.#block = NOTHING;
    this.#filled = 0;
    this.#pump();
    while (!this.#over && this.#blocks.length > 0) await this.#moved.promise;
    for (let at = 0; at < this.#fileBytes && !this.#over; ) {
      const piece = await this.#read(at);
      if (piece === undefined || this.#over) return;
      at += piece.length;
      yield piece;
    }
  }

  /** Nothing remains. Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget();
    this.#room.taken -= this.#taken;
    // Closed under a write in flight, its number might already be another file's, or a client's connection.
    if (!this.#busy) this.#closeFile();
  }

  get #over(): boolean {
    return this.#closed || this.failure !== undefined;
  }

  #nextBlock(): void {
    if (this.#filled > 0) this.#blocks.push(this.#block);
    this.#block = this.#spare ?? Buffer.allocUnsafe(this.#bytes === 0 ? FIRST_BLOCK : BLOCK);
    this.#spare = undefined;
    this.#filled = 0;
  }

  #spill(): void {
    if (!this.#takeRoom()) return;
    try {
      this.#file ??= openUnnamed(this.#settings.spoolFolder);
    } catch (error) {
      return this.#fail(`no file can be made in ${this.#settings.spoolFolder}: ${codeOf(error)}`);
    }
    this.#pump();
  }

  #takeRoom(): boolean {
    const more = this.#bytes - this.#taken;
    if (this.#room.taken + more > this.#settings.maxSpoolBytes) {
      this.#fail(`all spooled messages together would be larger than ${this.#settings.maxSpoolBytes} bytes`);
      return false;
    }
    this.#room.taken += more;
    this.#taken += more;
    return true;
  }

  #pump(): void {
    const [block] = this.#blocks;
    if (this.#busy || block === undefined || this.#over) return;
    void this.#use(async (file) => {
      for (let done = 0; done < block.length && !this.#over; ) {
        const { bytesWritten } = await writeAt(file, block, done, block.length - done, this.#fileBytes);
        this.#fileBytes += bytesWritten;
        done += bytesWritten;
      }
      this.#blocks.shift();
      if (block.length === BLOCK) this.#spare = block;
    }).then(() => this.#pump());
  }

  async #read(at: number): Promise<Buffer | undefined> {
    const piece = Buffer.allocUnsafe(Math.min(PIECE, this.#fileBytes - at));
    return this.#use(async (file) => {
      const { bytesRead } = await readAt(file, piece, 0, piece.length, at);
      if (bytesRead === 0) throw Object.assign(new Error('the file is cut off'), { code: 'EOF' });
      return piece.subarray(0, bytesRead);
    });
  }

  /** One operation on the file at a time. */
  async #use<Result>(operation: (file: number) => Promise<Result>): Promise<Result | undefined> {
    if (this.#file === undefined) return undefined;
    this.#busy = true;
    try {
      return await operation(this.#file);
    } catch (error) {
      this.#fail(`${this.#settings.spoolFolder}: ${codeOf(error)}`);
      return undefined;
    } finally {
      this.#busy = false;
      if (this.#closed) this.#closeFile();
      this.#wake();
    }
  }

  #fail(reason: string): void {
    this.failure ??= refuse('spool-unavailable', reason);
    this.#forget();
  }

  #forget(): void {
    this.#blocks = [];
    this.#block = NOTHING;
    this.#filled = 0;
    this.#spare = undefined;
    this.#wake();
  }

  #wake(): void {
    this.#moved.resolve();
    this.#moved = Promise.withResolvers();
  }

  #closeFile(): void {
    if (this.#file === undefined) return;
    close(this.#file, () => undefined);
    this.#file = undefined;
  }
}

/**
 * A file nobody else can open: its name is a secret (O_EXCL takes no link that lies there), it is for its owner only, and the name
 * is gone before the first byte is in it, so that nothing remains when the process is killed.
 */
function openUnnamed(folder: string): number {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `postern-${randomUUID()}`);
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;
  const file = openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    unlinkSync(path);
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException).code ?? error);
