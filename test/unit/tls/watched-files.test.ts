// Files that change: read when they have settled, told of when they stay wrong.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WatchedFiles } from '../../../src/tls/watched-files.ts';
import { makeFolder } from './situation.ts';

/** One file whose text is taken as it is, unless it says that it is bad. */
async function watch(patience = 10_000) {
  const file = join(makeFolder(), 'file');
  const write = (text: string) => writeFileSync(file, text);
  write('first');
  const replaced: string[] = [];
  const failed: string[] = [];
  const watched = await WatchedFiles.open<{ text: string }>({
    files: [file],
    make: ([text = '']) => (text.startsWith('bad') ? { reasons: [text] } : { text }),
    onReplaced: ({ text }) => replaced.push(text),
    onFailed: (reason) => failed.push(reason),
    patience,
  });
  if (!(watched instanceof WatchedFiles)) throw new Error(watched.reasons.join());
  return { watched, write, replaced, failed };
}

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

describe('a file', () => {
  it('counts when it is the same at two looks: half a chain may look like a whole one', async () => {
    const { watched, write, replaced } = await watch();
    const seen = [];
    for (const text of ['half', 'half of', 'half of it', 'all', undefined, undefined]) {
      if (text !== undefined) write(text);
      await watched.look();
      seen.push(watched.present.text);
    }
    expect(seen).toEqual(['first', 'first', 'first', 'first', 'all', 'all']);
    expect(replaced).toEqual(['all']);
  });

  it('counts at once where somebody asks for it', async () => {
    const { watched, write, replaced } = await watch();
    write('second');
    await watched.look({ atOnce: true });
    expect(watched.present.text).toBe('second');
    expect(replaced).toEqual(['second']);
  });

  it('of the same length, written in the same moment, is noticed', async () => {
    const { watched, write } = await watch();
    for (const text of ['2nd..', '3rd..', '4th..']) {
      write(text);
      await watched.look();
      await watched.look();
      expect(watched.present.text).toBe(text);
    }
  });

  it('has all its patience again each time it goes wrong', async () => {
    const { watched, write, failed } = await watch(60);
    write('bad');
    await watched.look();
    await watched.look();
    write('first');
    await watched.look();
    vi.advanceTimersByTime(80);
    write('bad again');
    await watched.look();
    await watched.look();
    expect(failed).toEqual([]);
    vi.advanceTimersByTime(80);
    await watched.look();
    await watched.look();
    expect(failed).toEqual(['bad again']);
  });

  it('that never settles is told of', async () => {
    const { watched, write, failed } = await watch(40);
    for (let time = 0; time < 6; time += 1) {
      write(`text ${time}`);
      await watched.look();
      vi.advanceTimersByTime(15);
    }
    expect(failed).toEqual(['the files keep changing']);
  });
});

it('is not opened where it is a folder, or too large', async () => {
  const folder = makeFolder();
  const open = async (file: string) =>
    await WatchedFiles.open({
      files: [file],
      make: () => ({}),
      onReplaced: () => undefined,
      onFailed: () => undefined,
      patience: 0,
    });
  expect(await open(folder)).toEqual({ reasons: [`${folder} is not a regular file`] });
  const large = join(folder, 'large');
  writeFileSync(large, Buffer.alloc(5 * 1024 * 1024));
  expect(await open(large)).toEqual({ reasons: [`${large} is too large`] });
});
