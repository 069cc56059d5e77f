// Owns the files of the demo's inbox: written whole or not at all, found by id, the oldest removed when they become too many.

import { randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HEADER_BYTES, type HeaderSummary, summarize } from './inbox-header.ts';

const MAX_MESSAGES = 10_000;
const MAX_BYTES = 1024 ** 3;
const MAX_LISTED = 200;
/** What one message being received may hold in memory. */
const HELD_BYTES = 128 * 1024;

// Time first, so that the order of names is the order of arrival.
const ID = /^\d{8}T\d{9}Z-[0-9a-f]{8}$/;

export interface InboxMessage extends HeaderSummary {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
  /** Size of the file. */
  readonly bytes: number;
}

export interface ReceivedEnvelope {
  /** Empty for the null reverse-path. */
  readonly mailFrom: string;
  readonly recipients: readonly string[];
}

export interface InboxFolder {
  /** Resolves once the message is in place under its name; rejects, leaving nothing, where it could not be kept whole. */
  store(envelope: ReceivedEnvelope, content: AsyncIterable<Buffer>): Promise<void>;
  list(): Promise<InboxMessage[]>;
  read(id: string): Promise<Buffer | undefined>;
}

export async function openInboxFolder(options: {
  readonly path: string;
  readonly maxMessages?: number;
  readonly maxBytes?: number;
}): Promise<InboxFolder> {
  const { path, maxMessages = MAX_MESSAGES, maxBytes = MAX_BYTES } = options;
  const fileOf = (id: string) => join(path, `${id}.eml`);
  await mkdir(path, { recursive: true, mode: 0o700 });
  const kept = await survey(path);
  let keptBytes = kept.reduce((sum, { bytes }) => sum + bytes, 0);
  const nextId = idSequence();
  const summaries = new Map<string, InboxMessage>();

  return {
    async store(envelope, content) {
      const id = nextId();
      const temporary = join(path, `.${id}.part`);
      try {
        const bytes = await writeMessage(temporary, envelope, content);
        await rename(temporary, fileOf(id));
        kept.push({ id, bytes });
        keptBytes += bytes;
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
      await removeOldest();
    },
    async list() {
      const ids = (await idsIn(path)).slice(-MAX_LISTED).reverse();
      const messages = await Promise.all(ids.map((id) => summaries.get(id) ?? summaryOf(id, fileOf(id))));
      summaries.clear();
      for (const message of messages) {
        if (message !== undefined) {
          summaries.set(message.id, message);
        }
      }
      return [...summaries.values()];
    },
    async read(id) {
      // Anything else could name a file outside the folder.
      return ID.test(id) ? readFile(fileOf(id)).catch(absent) : undefined;
    },
  };

  async function removeOldest(): Promise<void> {
    while (kept.length > maxMessages || keptBytes > maxBytes) {
      const oldest = kept.shift();
      if (oldest === undefined) {
        return;
      }
      keptBytes -= oldest.bytes;
      await rm(fileOf(oldest.id), { force: true });
    }
  }
}

/** What lies in the folder from earlier runs, oldest first; halves of messages are swept away. */
async function survey(path: string): Promise<{ id: string; bytes: number }[]> {
  for (const name of await readdir(path)) {
    if (name.startsWith('.') && name.endsWith('.part')) {
      await rm(join(path, name), { force: true });
    }
  }
  const found: { id: string; bytes: number }[] = [];
  for (const id of await idsIn(path)) {
    found.push({ id, bytes: (await stat(join(path, `${id}.eml`))).size });
  }
  return found;
}

async function idsIn(path: string): Promise<string[]> {
  const names = (await readdir(path).catch(absent)) ?? [];
  return names
    .filter((name) => name.endsWith('.eml'))
    .map((name) => name.slice(0, -'.eml'.length))
    .filter((id) => ID.test(id))
    .sort();
}

async function summaryOf(id: string, file: string): Promise<InboxMessage | undefined> {
  const handle = await open(file).catch(absent);
  if (handle === undefined) {
    return undefined;
  }
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    const { size } = await handle.stat();
    return { id, receivedAt: timeOf(id), bytes: size, ...summarize(buffer.subarray(0, bytesRead)) };
  } finally {
    await handle.close();
  }
}

/** Writes envelope lines and content; gives the size. Reads the content to its end even where the disk fails on the way. */
async function writeMessage(
  file: string,
  envelope: ReceivedEnvelope,
  content: AsyncIterable<Buffer>,
): Promise<number> {
  let held: Buffer[] = [envelopeLines(envelope)];
  let heldBytes = held[0]?.length ?? 0;
  let bytes = 0;
  let handle: FileHandle | undefined;
  let failure: unknown;

  async function flush(): Promise<void> {
    try {
      handle ??= await create(file);
      await handle.writeFile(held.length === 1 && held[0] !== undefined ? held[0] : Buffer.concat(held));
    } catch (error) {
      failure = error ?? new Error('write failed');
    }
    bytes += heldBytes;
    held = [];
    heldBytes = 0;
  }

  try {
    for await (const chunk of content) {
      if (failure !== undefined) {
        continue;
      }
      held.push(chunk);
      heldBytes += chunk.length;
      if (heldBytes >= HELD_BYTES) {
        await flush();
      }
    }
    if (failure === undefined) {
      await flush();
    }
  } finally {
    await handle?.close();
  }
  if (failure !== undefined) {
    throw failure;
  }
  return bytes;
}

/** People empty the inbox by removing its folder while the demo runs. */
async function create(file: string): Promise<FileHandle> {
  try {
    return await open(file, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw error;
    }
    await mkdir(join(file, '..'), { recursive: true, mode: 0o700 });
    return open(file, 'wx', 0o600);
  }
}

function envelopeLines({ mailFrom, recipients }: ReceivedEnvelope): Buffer {
  const lines = [
    `X-Envelope-From: ${mailFrom === '' ? '<>' : mailFrom}`,
    ...recipients.map((recipient) => `X-Envelope-To: ${recipient}`),
  ];
  return Buffer.from(lines.map((line) => `${line}\r\n`).join(''));
}

/** Ids rise even where two messages arrive within one millisecond. */
function idSequence(): () => string {
  let last = 0;
  return () => {
    last = Math.max(Date.now(), last + 1);
    return `${new Date(last).toISOString().replace(/[-:.]/g, '')}-${randomBytes(4).toString('hex')}`;
  };
}

function timeOf(id: string): number {
  return Date.parse(id.replace(/^(....)(..)(..)T(..)(..)(..)(...)Z.*$/, '$1-$2-$3T$4:$5:$6.$7Z'));
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') {
    throw error;
  }
}
