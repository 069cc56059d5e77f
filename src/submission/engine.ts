// Owns the fence around smtp-server: its listener, TLS upgrade and connection bookkeeping are used, its commands are not.
// test/unit/submission/engine.test.ts fails where an upgrade moves something that is hooked here.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { SMTPConnection, type SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js';
import { refuse } from '../refusal.ts';
import type { Reply } from '../relay/reply.ts';
import type { Door, Wire } from './door.ts';
import { replyTo, wireForm } from './replies.ts';
import { MAX_SASL_LINE, Session } from './session.ts';
import { type MessageSink, WireStream } from './wire.ts';

/** Connections by client address, counted over all listeners. */
export interface ConnectionCounts {
  readonly byAddress: Map<string, number>;
  total: number;
}

export interface GateOptions {
  readonly door: Door;
  readonly counts: ConnectionCounts;
  /** For the journal: `starttls` or `implicit`. */
  readonly label: string;
}

export class GateServer extends SMTPServer {
  readonly gate: GateOptions;
  readonly live = new Set<GateConnection>();
  /** Handshakes under way by client address. */
  readonly #handshakes = new Map<string, number>();

  constructor(options: SMTPServerOptions, gate: GateOptions) {
    super({
      ...options,
      logger: false,
      disableReverseLookup: true,
      authOptional: true,
      disabledCommands: [],
    });
    this.gate = gate;
    // A peer that breaks off a handshake or a connection is no fault of the server's.
    this.on('error', () => undefined);
  }

  /** smtp-server gives a handshake the idle timeout, which any byte puts off; a client that trickles one is cut here. */
  override _acceptSocket(socket: Socket, handshake: boolean): (() => void) | false {
    const release = super._acceptSocket(socket, handshake);
    if (!release || !handshake) return release;
    const { settings } = this.gate.door;
    const leave = this.#enterHandshake(socket.remoteAddress ?? '', settings.maxConnectionsPerAddress);
    if (!leave) {
      socket.on('error', () => undefined).destroy();
      return false;
    }
    const late = setTimeout(() => this._pendingSockets.get(socket)?.destroy(), settings.loginTimeout).unref();
    const over = (): void => {
      clearTimeout(late);
      leave();
    };
    socket.once('close', over);
    return () => {
      over();
      release();
    };
  }

  /** Undefined where so many from this address are under way already: it must not take every place from the others. */
  #enterHandshake(address: string, limit: number): (() => void) | undefined {
    const here = this.#handshakes.get(address) ?? 0;
    if (here >= limit) return undefined;
    this.#handshakes.set(address, here + 1);
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      const left = (this.#handshakes.get(address) ?? 1) - 1;
      if (left > 0) this.#handshakes.set(address, left);
      else this.#handshakes.delete(address);
    };
  }

  /** Resolves when every session has been closed and told of in the journal. */
  async empty(): Promise<void> {
    while (this.live.size > 0) await once(this, 'session closed');
  }

  override connect(socket: Socket | TLSSocket, options?: SMTPConnectionOptions | null): void {
    const connection = new GateConnection(this, socket, options);
    this.connections.add(connection);
    this.live.add(connection);
    connection.on('error', () => undefined);
    connection.init();
    // Accepted just before the listener closed: the stop did not see it among the living.
    if (!this.server.listening) connection.gate.drain();
  }
}

export class GateConnection extends SMTPConnection implements Wire {
  readonly gate: Session;
  readonly #options: GateOptions;
  #counted = false;
  /** True while a command is being answered. */
  #answering = false;
  #cause: string | undefined;
  #deadline: NodeJS.Timeout | undefined;

  constructor(server: GateServer, socket: Socket | TLSSocket, options?: SMTPConnectionOptions | null) {
    super(server, socket, options);
    this.#options = server.gate;
    this.gate = new Session(server.gate.door, this);
  }

  get peer(): string {
    return this.remoteAddress;
  }

  /** smtp-server waits 100 ms for early talkers and looks the client's name up; here the greeting comes at once. */
  override init(): void {
    this._setListeners(() => {
      const { door, label } = this.#options;
      door.audit.sessionOpened({ session: this.id, peer: this.peer, listener: label });
      if (!this.#admit()) return this.gate.end('too-many-connections');
      const deadline = setTimeout(() => this.gate.end('session-idle'), door.settings.loginTimeout);
      this.#deadline = deadline.unref();
      this.gate.greet();
    });
  }

  tls(): { version: string; cipher: string } | undefined {
    const socket = this._socket as Partial<TLSSocket>;
    const cipher = this.secure ? socket.getCipher?.() : undefined;
    return cipher && { version: socket.getProtocol?.() ?? cipher.version, cipher: cipher.standardName };
  }

  reply(reply: Reply): void {
    // While the handshake runs the socket still is the clear one: a reply there would break the TLS stream.
    if (this._upgrading || this._socket.destroyed || !this._socket.writable) return;
    this._socket.write(wireForm(reply));
  }

  hangUp(cause: string): void {
    this.#cause ??= cause;
    this.close();
  }

  startTls(): void {
    this.upgrade(
      () => undefined,
      () => this.gate.secured(),
    );
  }

  startMessage(sink: MessageSink): void {
    (this._parser as WireStream).startMessage(sink);
  }

  signedIn(): void {
    clearTimeout(this.#deadline);
  }

  /** What smtp-server itself still says (an internal parser error) goes out in Postern's words. */
  override send(): void {
    this.gate.end('internal-error');
    this.hangUp('engine error');
  }

  // Called by the base class's constructor: nothing of this class exists yet, hence the late lookups.
  override _createParser(): WireStream {
    const parser = new WireStream();
    parser.maxLineBytes = MAX_SASL_LINE;
    parser.maxLineTime = this._server.options.socketTimeout ?? parser.maxLineTime;
    parser.onslow = () => this.gate.end('session-idle');
    parser.online = (line, done) => this.#take(line, done);
    parser.onfault = (fault, done) => {
      this.gate.reject(fault);
      this._whenWritable(done);
    };
    parser.on('error', (error) => {
      this.#fault(error);
      this.hangUp('engine error');
    });
    return parser;
  }

  override _onTimeout(): void {
    if (this._closing) {
      this._socket.destroy();
      return;
    }
    // A client that waits for us is not idle; what it waits for has limits of its own.
    if (this.#answering || (this._parser as WireStream).waiting) this._armTimeout();
    else this.gate.end('session-idle');
  }

  override _onClose(): void {
    clearTimeout(this.#deadline);
    this.#release();
    super._onClose();
    this.gate.closed(this.#cause ?? 'closed by the client');
    const server = this._server as GateServer;
    if (server.live.delete(this)) server.emit('session closed');
  }

  #take(line: Buffer, done: () => void): void {
    if (this._upgrading || this._closing) return done();
    this.#answering = true;
    this.gate
      .take(line)
      .catch((error: unknown) => this.#fault(error))
      .finally(() => {
        this.#answering = false;
        this._whenWritable(done);
      });
  }

  #fault(error: unknown): void {
    this.#options.door.audit.fault({ where: 'submission', error, session: this.id });
    this.reply(replyTo(refuse('internal-error', 'fault'), this.id));
  }

  #admit(): boolean {
    const { counts, door } = this.#options;
    const here = (counts.byAddress.get(this.peer) ?? 0) + 1;
    if (counts.total >= door.settings.maxConnections || here > door.settings.maxConnectionsPerAddress)
      return false;
    counts.byAddress.set(this.peer, here);
    counts.total += 1;
    this.#counted = true;
    return true;
  }

  #release(): void {
    if (!this.#counted) return;
    this.#counted = false;
    const { counts } = this.#options;
    counts.total -= 1;
    const here = (counts.byAddress.get(this.peer) ?? 1) - 1;
    if (here > 0) counts.byAddress.set(this.peer, here);
    else counts.byAddress.delete(this.peer);
  }
}
