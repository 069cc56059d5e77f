// What `postern send` sends: addresses checked, attachments opened, the body taken from standard input, octets counted.

import { createReadStream, fstatSync, openSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { canonicalAddress } from '../address.ts';
import type { OutgoingMessage } from '../relay/mailer.ts';
import { CommandFailure, usageFailure } from './failure.ts';
import type { Surroundings } from './surroundings.ts';

export interface MessageOptions {
  readonly to?: readonly string[];
  readonly cc?: readonly string[];
  readonly bcc?: readonly string[];
  readonly subject?: string;
  readonly attach?: readonly string[];
}

export interface PreparedMessage {
  /** Everything but the sender, who may be known only after the sign-in. */
  readonly message: Omit<OutgoingMessage, 'from'>;
  /** Octets to be sent as far as they are known: a body from a pipe counts as none. Undefined where nothing is. */
  readonly total: number | undefined;
  /** Tells how many octets have been read so far, again and again. */
  onOctets(listener: (octets: number) => void): void;
  /** Lets go of standard input and the attachments, read or not: an open one would keep the process waiting. */
  close(): void;
}

export function checkRecipients({ to = [], cc = [], bcc = [] }: MessageOptions): void {
  const all = [...to, ...cc, ...bcc];
  if (all.length === 0)
    throw usageFailure('nobody to send to', 'Name at least one with --to, --cc or --bcc.');
  for (const address of all) checkAddress(address);
}

export function checkAddress(address: string): void {
  if (canonicalAddress(address) !== undefined) return;
  throw usageFailure(
    `${JSON.stringify(address)} is not a mail address`,
    'Write the bare address, such as bob@example.org.',
  );
}

/** Opens the attachments; @throws CommandFailure for one that cannot be read. */
export function prepareMessage(given: {
  options: MessageOptions;
  surroundings: Surroundings;
}): PreparedMessage {
  const { surroundings } = given;
  const { to = [], cc = [], bcc = [], subject = '', attach = [] } = given.options;
  let octets = 0;
  let tell: (octets: number) => void = () => {};
  const count = (source: Readable): Readable =>
    counted(source, (more) => {
      octets += more;
      tell(octets);
    });
  const files = attach.map((path) => openAttachment(resolve(surroundings.directory, path), path));
  const text = count(surroundings.input);
  const attachments = files.map(({ filename, content }) => ({ filename, content: count(content) }));
  const bodyOctets = sizeOfFile(surroundings.input.fd);
  return {
    message: { to, cc, bcc, subject, text, attachments },
    total:
      bodyOctets === undefined && files.length === 0
        ? undefined
        : files.reduce((sum, file) => sum + file.octets, bodyOctets ?? 0),
    onOctets(listener) {
      tell = listener;
    },
    close() {
      for (const stream of [text, ...attachments.map(({ content }) => content)]) stream.destroy();
    },
  };
}

function openAttachment(
  path: string,
  asWritten: string,
): { filename: string; content: Readable; octets: number } {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw new CommandFailure(`cannot read ${asWritten}: ${reasonOf(error)}`);
  }
  const octets = sizeOfFile(fd);
  if (octets === undefined) throw new CommandFailure(`${asWritten} is not a file that can be attached`);
  return { filename: basename(path), content: createReadStream('', { fd }), octets };
}

function sizeOfFile(fd: number | undefined): number | undefined {
  if (fd === undefined) return undefined;
  const status = fstatSync(fd);
  return status.isFile() ? status.size : undefined;
}

function counted(source: Readable, onOctets: (octets: number) => void): Readable {
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      onOctets(chunk.length);
      done(null, chunk);
    },
  });
  // A source that breaks off must break the message off too: half a body is not the message.
  source.on('error', (error) => counter.destroy(error));
  counter.on('close', () => source.destroy());
  return source.pipe(counter);
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES') return 'permission denied';
  return String(code ?? 'unreadable');
}
