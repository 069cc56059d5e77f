// Where a message waits: memory, a file without a name, and what becomes of it when the disk fails or nobody wants it any more.

import fs, { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createSpools, type Spool, type Spools } from '../../../src/dkim/spool.ts';

/** What the system says to the next writes; undefined: it writes. */
const disk = vi.hoisted(() => ({
  error: undefined as string | undefined,
  most: Infinity,
  hold: undefined as Promise<void> | undefined,
}));

vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof fs>();
  const { promisify } = await import('node:util');
  const realWrite = promisify(real.write);
  const write = Object.assign(() => undefined, {
    [promisify.custom]: async (file: number, block: Buffer, offset: number, length: number, at: number) => {
      await disk.hold;
      if (disk.error) throw Object.assign(new Error(disk.error), { code: disk.error });
      return realWrite(file, block, offset, Math.min(length, disk.most), at);
    },
  });
  return { ...real, default: real, write };
});

const BLOCK = 65_536;
let top: string;
let folder: string;
let spools: Spools;
let opened: Spool[] = [];

function begin(settings: Partial<Parameters<typeof createSpools>[0]> = {}): Spool {
  spools = createSpools({
    spoolFolder: folder,
    maxMemoryBytes: BLOCK,
    maxSpoolBytes: 100 * BLOCK,
    ...settings,
  });
  return again();
}
function again(): Spool {
  const spool = spools.begin();
  opened.push(spool);
  return spool;
}

async function writeAll(spool: Spool, bytes: Buffer, piece = 10_000): Promise<void> {
  for (let at = 0; at < bytes.length; at += piece) {
    if (!spool.write(bytes.subarray(at, at + piece))) await spool.drained();
  }
}

async function contentOf(spool: Spool): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of spool.pieces()) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Files of this process that lie, or lay, in the folder. */
const openFiles = (): string[] =>
  readdirSync('/proc/self/fd').flatMap((file) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${file}`);
      return path.startsWith(top) ? [path] : [];
    } catch {
      return [];
    }
  });

function bytesOf(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, at) => (at * 7 + (at >> 8) * 13 + (at >> 16)) & 0xff));
}

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'postern-spool-'));
  folder = top;
});
afterEach(async () => {
  Object.assign(disk, { error: undefined, most: Infinity, hold: undefined });
  for (const spool of opened) spool.close();
  opened = [];
  await expect.poll(openFiles).toEqual([]);
  rmSync(top, { recursive: true });
});

describe('a message', () => {
  test.each([0, 1, 16_384, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 7, 20 * BLOCK])(
    'of %i bytes comes out as it went in',
    async (length) => {
      const spool = begin();
      const bytes = bytesOf(length);
      await writeAll(spool, bytes);
      expect((await contentOf(spool)).equals(bytes)).toBe(true);
      expect(spool.failure).toBeUndefined();
    },
  );

  test('comes out whole where the disk takes little at a time', async () => {
    disk.most = 1000;
    const spool = begin();
    const bytes = bytesOf(3 * BLOCK);
    await writeAll(spool, bytes);
    expect((await contentOf(spool)).equals(bytes)).toBe(true);
  });

  test('is copied: its bytes may be written over at once', async () => {
    const spool = begin();
    const piece = Buffer.alloc(1000, 'a');
    for (let count = 0; count < 200; count += 1) {
      piece.fill('a');
      if (!spool.write(piece)) await spool.drained();
      piece.fill('b');
    }
    expect((await contentOf(spool)).includes('b')).toBe(false);
  });

  test('takes no file up to the threshold, and one without a name beyond it', async () => {
    const spool = begin();
    await writeAll(spool, bytesOf(BLOCK));
    expect(openFiles()).toEqual([]);
    await writeAll(spool, bytesOf(1));
    expect(openFiles()).toEqual([expect.stringMatching(/postern-[0-9a-f-]{36} \(deleted\)$/)]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('is readable to its owner only, in a folder that is made for it', async () => {
    folder = join(folder, 'new');
    const spool = begin();
    await writeAll(spool, bytesOf(2 * BLOCK));
    const [file = ''] = readdirSync('/proc/self/fd').filter((name) => {
      try {
        return readlinkSync(`/proc/self/fd/${name}`).startsWith(folder);
      } catch {
        return false;
      }
    });
    expect(fs.statSync(`/proc/self/fd/${file}`).mode & 0o777).toBe(0o600);
    expect(fs.statSync(folder).mode & 0o777).toBe(0o700);
  });

  test('waits for a slow disk', async () => {
    const disks = Promise.withResolvers<void>();
    disk.hold = disks.promise;
    const spool = begin();
    let written = 0;
    while (spool.write(Buffer.alloc(1000)) && written < 1000) written += 1;
    expect(written * 1000).toBeLessThan(4 * BLOCK);
    let drained = false;
    const waits = spool.drained().then(() => {
      drained = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(drained).toBe(false);
    disks.resolve();
    await waits;
    expect(spool.write(Buffer.alloc(1000))).toBe(true);
  });
});

describe('a disk that fails', () => {
  test('in the middle: nobody waits, the reason is told, nothing comes out', async () => {
    const spool = begin();
    await writeAll(spool, bytesOf(2 * BLOCK));
    disk.error = 'ENOSPC';
    await writeAll(spool, bytesOf(10 * BLOCK));
    await spool.drained();
    expect(spool.failure).toMatchObject({ code: 'spool-unavailable', reason: `${folder}: ENOSPC` });
    expect(await contentOf(spool)).toHaveLength(0);
  });

  test('with the last bytes', async () => {
    const spool = begin();
    await writeAll(spool, bytesOf(BLOCK + 1000));
    disk.error = 'EIO';
    expect(await contentOf(spool)).toHaveLength(0);
    expect(spool.failure).toMatchObject({ reason: `${folder}: EIO` });
  });

  test('when the file is to be made', async () => {
    writeFileSync(join(folder, 'file'), '');
    const spool = begin({ spoolFolder: join(folder, 'file') });
    await writeAll(spool, bytesOf(2 * BLOCK));
    expect(spool.failure).toMatchObject({ code: 'spool-unavailable' });
    expect(spool.failure?.reason).toMatch(/no file can be made in .*: E[A-Z]+$/);
  });
});

describe('the room of all', () => {
  test('is shared, and free again when one is closed', async () => {
    const first = begin({ maxSpoolBytes: 5 * BLOCK });
    await writeAll(first, bytesOf(3 * BLOCK));
    const second = again();
    await writeAll(second, bytesOf(3 * BLOCK));
    expect(first.failure).toBeUndefined();
    expect(second.failure?.reason).toBe(
      `all spooled messages together would be larger than ${5 * BLOCK} bytes`,
    );
    second.close();
    first.close();
    first.close();
    const third = again();
    await writeAll(third, bytesOf(4 * BLOCK));
    expect(third.failure).toBeUndefined();
    const fourth = again();
    await writeAll(fourth, bytesOf(2 * BLOCK));
    expect(fourth.failure).toBeDefined();
  });
});

describe('one that is closed', () => {
  test('while its file is written to, is closed after that', async () => {
    const disks = Promise.withResolvers<void>();
    disk.hold = disks.promise;
    const spool = begin();
    spool.write(bytesOf(3 * BLOCK));
    const waits = spool.drained();
    spool.close();
    await waits;
    expect(openFiles()).toHaveLength(1);
    disks.resolve();
    await expect.poll(openFiles).toEqual([]);
    expect(spool.failure).toBeUndefined();
  });

  test('while it is read, gives nothing more', async () => {
    const spool = begin();
    await writeAll(spool, bytesOf(5 * BLOCK));
    let pieces = 0;
    for await (const _piece of spool.pieces()) {
      pieces += 1;
      spool.close();
    }
    expect(pieces).toBe(1);
    await expect.poll(openFiles).toEqual([]);
  });

  test('takes and gives nothing', async () => {
    const spool = begin();
    spool.close();
    expect(spool.write(bytesOf(10 * BLOCK))).toBe(true);
    expect(await contentOf(spool)).toHaveLength(0);
    expect(openFiles()).toEqual([]);
  });
});

test('tells an operator whose folder cannot be used', () => {
  begin();
  expect(spools.whyUnusable()).toBeUndefined();
  expect(existsSync(folder) && readdirSync(folder)).toEqual([]);
  writeFileSync(join(folder, 'file'), '');
  begin({ spoolFolder: join(folder, 'file', 'below') });
  expect(spools.whyUnusable()).toMatch(/^no file can be made in .*below \(ENOTDIR\); name a folder/);
});
