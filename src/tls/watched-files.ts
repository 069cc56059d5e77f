// Owns files that may change while the program runs: looked at again and again, read anew when they have settled, kept as they
// were while what they hold is of no use.

import { open, stat } from 'node:fs/promises';

export interface WatchedFilesOptions<T> {
  readonly files: readonly string[];
  /** Makes the thing of the files' texts, or says why it cannot. `present` is what it would replace. */
  readonly make: (texts: readonly string[], present: T | undefined) => T | Unusable;
  readonly onReplaced: (next: T) => void;
  /** Told once each time the files have been of no use for `patience`. */
  readonly onFailed: (reason: string) => void;
  /** Milliseconds. A certificate and its key are not replaced in the same moment. */
  readonly patience: number;
}

export interface Unusable {
  readonly reasons: readonly string[];
}

/** Certificates and keys are small; a mistyped path to a device or a log is not. */
const MAX_BYTES = 4 * 1024 * 1024;

/** File systems count time in steps: what was written just now may be written again without a trace. */
const FRESH_MILLISECONDS = 3_000;

export class WatchedFiles<T> {
  readonly #options: WatchedFilesOptions<T>;
  #present: T;
  #texts: readonly string[];
  /** What the file system says of the files; undefined: to be read whatever it says. */
  #marks: string | undefined;
  /** Texts that differ from those in use, as they were at the last look. */
  #candidate: readonly string[] | undefined;
  #wrongSince: number | undefined;
  #isTold = false;

  private constructor(options: WatchedFilesOptions<T>, texts: readonly string[], present: T) {
    this.#options = options;
    this.#texts = texts;
    this.#present = present;
  }

  /** What is wrong at the start is returned. */
  static async open<T>(options: WatchedFilesOptions<T>): Promise<WatchedFiles<T> | Unusable> {
    try {
      const texts = await readAll(options.files);
      const made = options.make(texts, undefined);
      return isUnusable(made) ? made : new WatchedFiles(options, texts, made);
    } catch (error) {
      return { reasons: [whyUnreadable(error)] };
    }
  }

  get present(): T {
    return this.#present;
  }

  /**
   * One look; not to be called while another runs. New texts count when they are the same at two looks in a row, since a file
   * that is being written may be whole by chance; with `atOnce` they count, and their faults are told, at the first.
   */
  async look({ atOnce = false }: { atOnce?: boolean } = {}): Promise<void> {
    let reasons: readonly string[];
    try {
      const marks = await marksOf(this.#options.files);
      const isUnchanged = marks !== undefined && marks === this.#marks && this.#candidate === undefined;
      if (isUnchanged && !atOnce) return;
      const texts = await readAll(this.#options.files);
      this.#marks = marks;
      if (areSame(texts, this.#texts)) return this.#settle();
      const isSettled = atOnce || (this.#candidate !== undefined && areSame(texts, this.#candidate));
      this.#candidate = texts;
      const made = isSettled
        ? this.#options.make(texts, this.#present)
        : { reasons: ['the files keep changing'] };
      if (!isUnusable(made)) return this.#replace(texts, made);
      reasons = made.reasons;
    } catch (error) {
      this.#marks = undefined;
      reasons = [whyUnreadable(error)];
    }
    this.#fail(reasons, atOnce);
  }

  #replace(texts: readonly string[], next: T): void {
    this.#texts = texts;
    this.#present = next;
    this.#settle();
    this.#options.onReplaced(next);
  }

  #settle(): void {
    this.#candidate = undefined;
    this.#wrongSince = undefined;
    this.#isTold = false;
  }

  #fail(reasons: readonly string[], atOnce: boolean): void {
    this.#wrongSince ??= performance.now();
    const isLong = performance.now() - this.#wrongSince >= this.#options.patience;
    if (this.#isTold || !(atOnce || isLong)) return;
    this.#isTold = true;
    this.#options.onFailed(reasons.join('; '));
  }
}

function isUnusable(made: unknown): made is Unusable {
  return typeof made === 'object' && made !== null && 'reasons' in made;
}

/** Follows symbolic links: certbot and Kubernetes replace those, not the file. Undefined where it may change unseen. */
async function marksOf(files: readonly string[]): Promise<string | undefined> {
  const states = await Promise.all(files.map((file) => stat(file, { bigint: true })));
  const newest = states.reduce((time, { ctimeMs }) => (ctimeMs > time ? ctimeMs : time), 0n);
  if (Date.now() - Number(newest) < FRESH_MILLISECONDS) return undefined;
  return states
    .map(({ dev, ino, size, mtimeNs, ctimeNs }) => [dev, ino, size, mtimeNs, ctimeNs].join())
    .join(' ');
}

async function readAll(files: readonly string[]): Promise<string[]> {
  return await Promise.all(files.map(readText));
}

async function readText(file: string): Promise<string> {
  await using handle = await open(file, 'r');
  const state = await handle.stat();
  if (!state.isFile()) throw new Error(`${file} is not a regular file`);
  if (state.size > MAX_BYTES) throw new Error(`${file} is too large`);
  return await handle.readFile('utf8');
}

function areSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, index) => text === other[index]);
}

function whyUnreadable(error: unknown): string {
  const { code, path, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return `there is no file ${path ?? ''}`;
  if (code === 'EACCES') return `Postern may not read ${path ?? ''}; check its owner and permissions`;
  return message;
}
