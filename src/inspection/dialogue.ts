// Owns one SMTP connection: commands out, replies in, the step to TLS; bounded in time and size, recorded as it goes.

import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type SecureVersion, type TLSSocket } from 'node:tls';
import { connectionFault, DialogueFault, handshakeFault } from './fault.ts';
import { type Reply, ReplyReader } from './reply.ts';
import type { Transcript } from './transcript.ts';

export interface Limits {
  /** Milliseconds for any one thing the server owes: the connection, a whole reply, a handshake. */
  readonly answer: number;
  /** When everything must be over, as `performance.now()` tells it. */
  readonly deadline: number;
}

export interface HandshakeOptions {
  /** The name asked for (SNI); none is sent for an IP address. */
  readonly serverName: string;
  /** PEM of authorities to trust in place of the public ones. */
  readonly ca: string | undefined;
  /** Only this version, for the question whether it is still taken. */
  readonly onlyVersion?: SecureVersion;
}

interface DialogueOptions {
  /** Name or IP address. */
  readonly host: string;
  readonly port: number;
  readonly limits: Limits;
  readonly transcript: Transcript;
}

export async function openDialogue(options: DialogueOptions): Promise<Dialogue> {
  const { host, port } = options;
  const socket = connectTcp({ host, port, noDelay: true });
  const dialogue = new Dialogue(socket, options);
  await dialogue.connected();
  return dialogue;
}

export class Dialogue {
  #socket: Socket;
  readonly #limits: Limits;
  readonly #transcript: Transcript;
  #reader = new ReplyReader();
  #fault: DialogueFault | undefined;
  #isOpen = false;
  #tls: TLSSocket | undefined;
  #wake: () => void = () => {};

  constructor(socket: Socket, { limits, transcript }: DialogueOptions) {
    this.#socket = socket;
    this.#limits = limits;
    this.#transcript = transcript;
    this.#attach(socket);
    socket.once('connect', () => {
      this.#isOpen = true;
      this.#wake();
    });
  }

  async connected(): Promise<void> {
    try {
      await this.#until(() => this.#isOpen, 'the connection');
    } catch (error) {
      if (!(error instanceof DialogueFault) || error.kind !== 'timeout') throw error;
      // Told apart from a server that is there and says nothing.
      throw connectionFault(Object.assign(new Error(), { code: 'ETIMEDOUT' }));
    }
    this.#transcript.note(`connected to ${this.address}`);
  }

  get address(): string {
    return this.#socket.remoteAddress ?? '';
  }

  /** Ourselves as EHLO has it where a client has no name (RFC 5321 §4.1.3). */
  get ownLiteral(): string {
    const address = (this.#socket.localAddress ?? '127.0.0.1').replace(/%.*$/, '');
    return isIP(address) === 6 ? `[IPv6:${address}]` : `[${address}]`;
  }

  /** Undefined before TLS. */
  get tls(): TLSSocket | undefined {
    return this.#tls;
  }

  /** Text that has come and was not asked for. */
  get unread(): string {
    return this.#reader.unread;
  }

  /** @param shown the command as the transcript may have it, where it holds a credential */
  async command(line: string, shown = line): Promise<Reply> {
    this.write(`${line}\r\n`, shown);
    return this.read();
  }

  /** Bytes as they are; nothing waits for an answer. */
  write(text: string, shown: string): void {
    this.#transcript.sent(shown);
    if (!this.#socket.destroyed) this.#socket.write(text);
  }

  async read(): Promise<Reply> {
    let reply: Reply | undefined;
    await this.#until(() => {
      reply = this.#reader.next();
      return reply !== undefined;
    }, 'a reply');
    if (reply === undefined) throw new DialogueFault('closed', 'the server closed the connection');
    this.#transcript.received(reply);
    return reply;
  }

  /** Any version and cipher that both sides know, any certificate: what is bad about them is judged afterwards. */
  async handshake(options: HandshakeOptions): Promise<TLSSocket> {
    const plain = this.#socket;
    plain.removeAllListeners('data');
    const unread = this.#reader.unread;
    // Response injection ("Why TLS Is Better Without STARTTLS", USENIX Security 2021): it must not count inside TLS.
    if (unread !== '') throw new DialogueFault('handshake', 'the server sends text where TLS has to begin');
    this.#isOpen = false;
    const secure = startTls(plain, options);
    this.#attach(secure);
    secure.once('secureConnect', () => {
      this.#isOpen = true;
      this.#wake();
    });
    try {
      await this.#until(() => this.#isOpen, 'the TLS handshake');
    } catch (error) {
      this.#transcript.note(`TLS: ${(error as Error).message}`);
      throw error;
    }
    this.#transcript.note(`TLS: ${secure.getProtocol()} ${secure.getCipher()?.name}`);
    this.#tls = secure;
    return secure;
  }

  /** Waits until the server closes, or has said more than it can have to say; the replies that still came are returned. */
  async readToEnd(most: number): Promise<Reply[]> {
    const replies: Reply[] = [];
    try {
      while (replies.length < most) replies.push(await this.read());
    } catch (error) {
      if (!(error instanceof DialogueFault) || error.kind !== 'closed') throw error;
    }
    return replies;
  }

  /** A farewell as far as the server bears it. */
  async quit(): Promise<void> {
    try {
      if (!this.#fault) await this.command('QUIT');
    } catch (error) {
      if (!(error instanceof DialogueFault)) throw error;
    } finally {
      this.close();
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  #attach(socket: Socket): void {
    this.#socket = socket;
    const fail = (fault: DialogueFault): void => {
      if (this.#socket !== socket) return;
      this.#fault ??= fault;
      this.#wake();
    };
    socket.on('data', (bytes: Buffer) => {
      this.#reader.push(bytes);
      this.#wake();
    });
    socket.on('error', (error: NodeJS.ErrnoException) =>
      fail(socket === this.#tls || !('encrypted' in socket) ? connectionFault(error) : handshakeFault(error)),
    );
    for (const event of ['end', 'close'])
      socket.on(event, () => fail(new DialogueFault('closed', 'the server closed the connection')));
  }

  /** Until `isReady`, which may throw; else the fault of the connection, or the end of the time. */
  async #until(isReady: () => boolean, awaited: string): Promise<void> {
    const left = this.#limits.deadline - performance.now();
    // Asked first: a server that has always more to say would never be waited for.
    if (left <= 0) {
      this.close();
      throw new DialogueFault('used-up', TIME_IS_UP);
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = setTimeout(
      () =>
        reject(
          left <= this.#limits.answer
            ? new DialogueFault('used-up', TIME_IS_UP)
            : new DialogueFault(
                'timeout',
                `waited ${seconds(this.#limits.answer)} for ${awaited} and gave up`,
              ),
        ),
      Math.max(0, Math.min(this.#limits.answer, left)),
    );
    const look = (): void => {
      try {
        if (isReady()) resolve();
        else if (this.#fault) reject(this.#fault);
      } catch (error) {
        reject(error);
      }
    };
    this.#wake = look;
    look();
    try {
      await promise;
    } catch (error) {
      this.close();
      throw error;
    } finally {
      clearTimeout(late);
      this.#wake = () => {};
    }
  }
}

const TIME_IS_UP = 'the time for this port was used up';

function startTls(socket: Socket, { serverName, ca, onlyVersion }: HandshakeOptions): TLSSocket {
  const options: ConnectionOptions = {
    socket,
    ...(isIP(serverName) ? {} : { servername: serverName }),
    ...(ca === undefined ? {} : { ca }),
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    minVersion: onlyVersion ?? 'TLSv1',
    maxVersion: onlyVersion ?? 'TLSv1.3',
    // Level 2 of OpenSSL 3 forbids TLS 1.0 and small keys to ourselves, and they could not be found.
    ciphers: 'DEFAULT@SECLEVEL=0',
  };
  try {
    return connectTls(options);
  } catch (error) {
    socket.destroy();
    throw handshakeFault(error as NodeJS.ErrnoException);
  }
}

function seconds(milliseconds: number): string {
  return `${milliseconds / 1000} s`;
}
