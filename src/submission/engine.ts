// Owns the fence around smtp-server: its listener, TLS upgrade and connection bookkeeping are used, its commands are not.
// test/unit/submission/engine.test.ts fails where an upgrade moves something that is hooked here.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { SMTPConnection, type SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js';
import { type Incoming, looksLikeProxyHeader } from '../port/port.ts';
import { type RefusalCode, refuse } from '../refusal.ts';
import type { Reply } from '../relay/connection/reply.ts';
import type { ServerContexts } from '../tls/contexts.ts';
import type { Admission, Place } from './access/admission.ts';
import { thumbprintOf } from './access/client-certificate.ts';
import { throwAwayRest } from './after-last-word.ts';
import { type Arrival, arrivalOf } from './arrival.ts';
import type { Door, Wire } from './door.ts';
import type { ListenerSettings } from './listener-settings.ts';
import { type ChunkSink, type MessageSink, WireStream } from './message/wire.ts';
import { replyTo, wireForm } from './replies.ts';
import { MAX_SASL_LINE, Session } from './session.ts';

export interface GateOptions {
  readonly door: Door;
  readonly listener: ListenerSettings;
  readonly admission: Admission;
  readonly contexts: ServerContexts;
}

/** Milliseconds that the last reply has to leave, when a session is cut off. */
const LAST_WORD = 1_000;

export class GateServer extends SMTPServer {
  readonly gate: GateOptions;
  readonly live = new Set<GateConnection>();
  #draining = false;

  constructor(options: SMTPServerOptions, gate: GateOptions) {
    super({
      ...options,
      logger: false,
      disableReverseLookup: true,
      authOptional: true,
      disabledCommands: [],
      SNICallback: (name, done) => done(null, gate.contexts.forName(name)),
    });
    this.gate = gate;
    // The one place from which the engine takes the context that a handshake begins with, by STARTTLS or at once.
    this.secureContext.get = () => gate.contexts.current();
    // A peer that breaks off a handshake or a connection is no fault of the server's.
    this.on('error', () => undefined);
  }

  /** Takes a connection over, as smtp-server's own listener would have: that one is never opened. */
  accept(incoming: Incoming): void {
    const { socket, peer } = incoming;
    const place = this.gate.admission.enter(peer.address);
    const arrival = arrivalOf(incoming, place);
    if (!this.options.secure) return this.connect(socket, arrival);
    // Before the handshake nothing can be said, so whom there is no place for is told by the closed connection.
    if (!place) return void socket.on('error', () => undefined).destroy();
    const release = this.#guardHandshake(socket, place);
    // Who closes its side in the middle of a handshake has no reply to wait for.
    socket.allowHalfOpen = false;
    this._upgrade(socket, (error, secured) => {
      release();
      if (!error && secured) {
        secured.allowHalfOpen = true;
        return this.connect(secured, arrival);
      }
      place.leave();
      socket.destroy();
    });
  }

  /** smtp-server gives a handshake the idle timeout, which any byte puts off; a client that trickles one is cut here. */
  #guardHandshake(socket: Socket, place: Place): () => void {
    this._pendingSockets.set(socket, socket);
    // The topmost one: to destroy the one below in the middle of a handshake crashes Node.
    const cut = (): void => void this._pendingSockets.get(socket)?.destroy();
    const late = setTimeout(cut, this.gate.door.settings.loginTimeout).unref();
    place.onEvicted(cut);
    const release = (): void => {
      clearTimeout(late);
      socket.removeListener('close', over);
      if (this._pendingSockets.delete(socket)) this.emit('session closed');
    };
    const over = (): void => {
      release();
      place.leave();
    };
    socket.once('close', over);
    return release;
  }

  /** From now on every session ends as soon as no message is in hand; one whose handshake is under way, right after that. */
  drain(): void {
    this.#draining = true;
    for (const connection of this.live) connection.drain();
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Ends what is left, whatever it is doing. */
  cut(): void {
    for (const socket of this._pendingSockets.values()) socket.destroy();
    for (const connection of this.live) connection.cut('shutting-down');
  }

  /** Resolves when every session has been closed and told of in the journal. */
  async empty(): Promise<void> {
    while (this.live.size + this._pendingSockets.size > 0) await once(this, 'session closed');
  }

  override connect(socket: Socket | TLSSocket, options?: SMTPConnectionOptions | null): void {
    const connection = new GateConnection(this, socket, options as Arrival);
    this.connections.add(connection);
    this.live.add(connection);
    connection.on('error', () => undefined);
    connection.init();
  }
}

export class GateConnection extends SMTPConnection implements Wire {
  readonly gate: Session;
  readonly listener: ListenerSettings;
  readonly local: boolean;
  readonly #options: GateOptions;
  readonly #place: Place | undefined;
  /** True while a command is being answered. */
  #answering = false;
  #cause: string | undefined;
  #deadline: NodeJS.Timeout | undefined;

  constructor(server: GateServer, socket: Socket | TLSSocket, options: Arrival) {
    super(server, socket, options);
    this.#options = server.gate;
    this.#place = options.place;
    this.local = options.local;
    this.listener = server.gate.listener;
    this.gate = new Session(server.gate.door, this);
  }

  get peer(): string {
    return this.remoteAddress;
  }

  get peerPort(): number {
    return this.remotePort;
  }

  /** smtp-server waits 100 ms for early talkers and looks the client's name up; here the greeting comes at once. */
  override init(): void {
    this._setListeners(() => {
      const { door, listener } = this.#options;
      door.audit.sessionOpened({ session: this.id, peer: this.peer, listener: listener.tls });
      if ((this._server as GateServer).draining) return this.gate.end('shutting-down');
      if (!this.#place) return this.cut('too-many-connections');
      this.#place.onEvicted(() => this.cut('too-many-connections'));
      const deadline = setTimeout(() => this.gate.end('session-idle'), door.settings.loginTimeout);
      this.#deadline = deadline.unref();
      // Ahead of the parser, to which the header would be a row of bad commands.
      this._socket.prependOnceListener('data', (first: Buffer) => {
        if (looksLikeProxyHeader(first)) this.gate.end('proxy-not-trusted');
      });
      this.gate.greet();
    });
  }

  tls(): { version: string; cipher: string } | undefined {
    const socket = this._socket as Partial<TLSSocket>;
    const cipher = this.secure ? socket.getCipher?.() : undefined;
    return cipher && { version: socket.getProtocol?.() ?? cipher.version, cipher: cipher.standardName };
  }

  clientCertificate(): string | undefined {
    return this.secure ? thumbprintOf(this._socket as Partial<TLSSocket>) : undefined;
  }

  reply(reply: Reply): void {
    // While the handshake runs the socket still is the clear one: a reply there would break the TLS stream.
    if (this._upgrading || this._socket.destroyed || !this._socket.writable) return;
    this._socket.write(wireForm(reply));
  }

  hangUp(cause: string): void {
    this.#cause ??= cause;
    // Who has signed in may come back at once, before its side of this connection is closed.
    if (this.gate.signedIn) this.#place?.leave();
    if (!this._closing && !this._upgrading) throwAwayRest(this._socket);
    this.close();
  }

  /** Ends it, whatever it is doing. The 421 still goes out, but a client that reads nothing is not waited for. */
  cut(code: RefusalCode): void {
    this.gate.end(code);
    setTimeout(() => this._socket.destroy(), LAST_WORD).unref();
  }

  startTls(): void {
    this._socket.allowHalfOpen = false;
    this.upgrade(
      () => undefined,
      () => {
        this._socket.allowHalfOpen = true;
        this.gate.secured();
        if ((this._server as GateServer).draining) this.gate.drain();
      },
    );
  }

  /** In the middle of a handshake nothing can be said: a client in one hears of the end right after it. */
  drain(): void {
    if (!this._upgrading) this.gate.drain();
  }

  startMessage(sink: MessageSink): void {
    (this._parser as WireStream).startMessage(sink);
  }

  startChunk(octets: number, sink: ChunkSink): void {
    (this._parser as WireStream).startChunk(octets, sink);
  }

  signedIn(user: string, limit: number): boolean {
    if (!this.#place?.signedIn(user, limit)) return false;
    clearTimeout(this.#deadline);
    return true;
  }

  signInFailed(): void {
    this.#place?.failed();
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
    parser.onover = () => this.hangUp('closed by the client');
    parser.onendless = () => this.gate.end('too-many-commands');
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
    this.#place?.leave();
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
}
