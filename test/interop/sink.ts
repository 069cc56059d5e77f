// Owns the far end of the way: an SMTP server that keeps each complete message in a file, and knows which ones were cut off.

import {
  closeSync,
  createWriteStream,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  type WriteStream,
} from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { until } from './until.ts';

/** A message whose final dot has arrived. */
export interface Arrival {
  readonly mailFrom: string;
  readonly recipients: readonly string[];
  /** MAIL and each RCPT as they were said, with their parameters. */
  readonly commands: readonly string[];
  /** Its first bytes, with most of its header. */
  readonly head: string;
  /** The message with stuffed dots taken out (RFC 5321 §4.5.2). Read from its file at each call. */
  content(): Buffer;
}

export interface Sink {
  readonly port: number;
  readonly arrivals: readonly Arrival[];
  /** Messages that had begun and never got their final dot. */
  readonly cutOff: number;
  /** The first arrival for which this holds, as soon as there is one. */
  find(isWanted: (arrival: Arrival) => boolean, what: string): Promise<Arrival>;
  /** Reads no message bytes any more until `resume`: a mail server whose disk hangs. */
  stall(): void;
  resume(): void;
  close(): Promise<void>;
}

const EXTENSIONS = ['PIPELINING', 'SIZE 104857600', '8BITMIME', 'SMTPUTF8', 'ENHANCEDSTATUSCODES', 'DSN'];

export async function startSink(folder: string): Promise<Sink> {
  const arrivals: Arrival[] = [];
  const sockets = new Set<Socket>();
  let cutOff = 0;
  let stalled = false;
  let count = 0;
  const files = join(folder, 'arrivals');
  mkdirSync(files, { recursive: true });

  // Exim closes its side right behind its last message and QUIT, and still wants the replies.
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    new Connection(socket, {
      nextFile: () => {
        count += 1;
        return join(files, `${count}.eml`);
      },
      isStalled: () => stalled,
      arrived: (arrival) => void arrivals.push(arrival),
      cutOff: () => {
        cutOff += 1;
      },
    });
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    port: (server.address() as AddressInfo).port,
    arrivals,
    get cutOff() {
      return cutOff;
    },
    find: (isWanted, what) => until(() => arrivals.find(isWanted), `${what} to arrive`),
    stall() {
      stalled = true;
    },
    resume() {
      stalled = false;
      for (const socket of sockets) socket.resume();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Keeper {
  nextFile(): string;
  isStalled(): boolean;
  arrived(arrival: Arrival): void;
  cutOff(): void;
}

const HEAD = 8192;
const END = Buffer.from('\r\n.\r\n');

class Connection {
  readonly #socket: Socket;
  readonly #keeper: Keeper;
  #text = '';
  #mailFrom = '';
  #recipients: string[] = [];
  #commands: string[] = [];
  #file = '';
  #stream: WriteStream | undefined;
  /** Bytes of a message that may belong to its end. */
  #held: Buffer = Buffer.alloc(0);
  /** How many of the next bytes are no part of the message. */
  #skip = 0;
  /** A message is complete and on its way to the disk. */
  #keeping = false;
  /** The client will say no more. */
  #ended = false;

  constructor(socket: Socket, keeper: Keeper) {
    this.#socket = socket;
    this.#keeper = keeper;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => this.#take(bytes));
    socket.on('end', () => {
      this.#ended = true;
      if (!this.#keeping) socket.end();
    });
    socket.on('close', () => this.#closed());
    socket.write('220 sink.example.org ESMTP\r\n');
  }

  #take(bytes: Buffer): void {
    if (this.#stream) return this.#body(bytes);
    const lines = (this.#text + bytes.toString('latin1')).split('\r\n');
    this.#text = lines.pop() ?? '';
    for (const [index, line] of lines.entries()) {
      this.#socket.write(this.#answer(line));
      if (!this.#stream) continue;
      const rest = [...lines.slice(index + 1), this.#text].join('\r\n');
      this.#text = '';
      if (rest !== '') this.#body(Buffer.from(rest, 'latin1'));
      return;
    }
  }

  #answer(line: string): string {
    const verb = /^[a-z]*/i.exec(line)?.[0].toUpperCase();
    const path = /<([^>]*)>/.exec(line)?.[1] ?? '';
    if (verb === 'EHLO') return `250-sink\r\n${lastWithSpace(EXTENSIONS)}`;
    if (verb === 'QUIT') return '221 2.0.0 bye\r\n';
    if (verb === 'MAIL') this.#mailFrom = path;
    if (verb === 'RCPT') this.#recipients.push(path);
    if (verb === 'MAIL' || verb === 'RSET') this.#recipients = [];
    if (verb === 'MAIL' || verb === 'RSET') this.#commands = [];
    if (verb === 'MAIL' || verb === 'RCPT') this.#commands.push(line);
    if (verb !== 'DATA') return '250 2.0.0 ok\r\n';
    this.#file = this.#keeper.nextFile();
    this.#stream = createWriteStream(`${this.#file}.part`);
    // Only from writes under way when it is destroyed; a disk that is full is told by the missing message.
    this.#stream.on('error', () => undefined);
    // The CRLF of the DATA line: an empty message has no other before its final dot (RFC 5321 §4.1.1.4).
    this.#held = Buffer.from('\r\n');
    this.#skip = 2;
    return '354 go on\r\n';
  }

  #body(bytes: Buffer): void {
    const all = Buffer.concat([this.#held, bytes]);
    const end = all.indexOf(END);
    const settled = end === -1 ? Math.max(0, all.length - END.length + 1) : end + 2;
    this.#write(all.subarray(0, settled));
    this.#held = Buffer.from(all.subarray(settled));
    if (end !== -1) return this.#complete(all.subarray(end + END.length));
    if (this.#keeper.isStalled()) this.#socket.pause();
  }

  #write(bytes: Buffer): void {
    const skipped = Math.min(this.#skip, bytes.length);
    this.#skip -= skipped;
    if (this.#stream?.write(bytes.subarray(skipped)) !== false) return;
    this.#socket.pause();
    this.#stream?.once('drain', () => {
      if (!this.#keeper.isStalled()) this.#socket.resume();
    });
  }

  /** On the disk and under its name before the client hears 250. */
  #complete(rest: Buffer): void {
    const [stream, file] = [this.#stream, this.#file];
    const [mailFrom, recipients, commands] = [this.#mailFrom, this.#recipients, this.#commands];
    this.#stream = undefined;
    this.#held = Buffer.alloc(0);
    this.#recipients = [];
    this.#commands = [];
    this.#keeping = true;
    stream?.end(() => {
      this.#keeping = false;
      renameSync(`${file}.part`, file);
      const head = firstBytes(file);
      const content = () => unstuffed(readFileSync(file));
      this.#keeper.arrived({ mailFrom, recipients, commands, head, content });
      // A stream that was full when it ended says no "drain" any more.
      if (!this.#keeper.isStalled()) this.#socket.resume();
      this.#socket.write('250 2.0.0 kept\r\n');
      if (rest.length > 0) this.#take(rest);
      if (this.#ended && !this.#keeping) this.#socket.end();
    });
  }

  #closed(): void {
    if (!this.#stream) return;
    this.#keeper.cutOff();
    this.#stream.destroy();
    rmSync(`${this.#file}.part`, { force: true });
  }
}

function lastWithSpace(lines: readonly string[]): string {
  return lines.map((line, index) => `250${index < lines.length - 1 ? '-' : ' '}${line}\r\n`).join('');
}

function firstBytes(file: string): string {
  const handle = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(HEAD);
    return bytes.toString('latin1', 0, readSync(handle, bytes, 0, HEAD, 0));
  } finally {
    closeSync(handle);
  }
}

function unstuffed(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').replace(/(^|\r\n)\./g, '$1'), 'latin1');
}
