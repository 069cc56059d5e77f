// Owns the way to a connection that is ready for the sign-in: nodemailer connects and upgrades to TLS; then its socket is taken over.

import type { Socket } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import type { UpstreamSettings } from '../settings.ts';
import type { Target } from '../targets/targets.ts';
import { readCapabilities } from './capabilities.ts';
import { type ConnectPhase, connectFailure, placeOf, timeoutFailure } from './connect-failure.ts';
import { UpstreamDialogue } from './dialogue.ts';
import { isPinned, readProtection } from './protection.ts';

interface Attempt {
  readonly settings: UpstreamSettings;
  /** Of Postern, in EHLO. */
  readonly name: string;
  readonly target: Target;
}

/**
 * Connects, speaks TLS as the settings want it, and reads the EHLO reply; not signed in yet. Within `connectTimeout`.
 *
 * With `tls: opportunistic` a failed handshake is followed by a second connection in clear text (RFC 7435 §3: some protection
 * where it can be had, never less mail for it). No secret goes over that one: see `login/`.
 *
 * @returns `upstream-timeout`, or `upstream-unavailable` with what to do about it. Never rejects.
 */
export async function connectUpstream(options: Attempt): Promise<UpstreamDialogue | Refusal> {
  const { settings, target } = options;
  const start = performance.now();
  const protection = settings.tls === 'none' ? {} : await readProtection(settings, target.serverName);
  if ('refused' in protection) return protection;
  const first = await attempt({ ...options, protection, start, inClear: settings.tls === 'none' });
  if (settings.tls !== 'opportunistic' || !('handshake' in first)) return outcomeOf(first);
  return outcomeOf(await attempt({ ...options, protection, start, inClear: true }));
}

interface Failed {
  readonly refusal: Refusal;
  readonly handshake: true;
}

const outcomeOf = (outcome: UpstreamDialogue | Refusal | Failed): UpstreamDialogue | Refusal =>
  'handshake' in outcome ? outcome.refusal : outcome;

/** One connection. Resolves to {@link Failed} where it was the TLS handshake that failed. */
function attempt(
  options: Attempt & { protection: ConnectionOptions; start: number; inClear: boolean },
): Promise<UpstreamDialogue | Refusal | Failed> {
  const { settings, target, start, inClear } = options;
  const connection = new SMTPConnection({
    host: target.host,
    port: target.port,
    name: options.name,
    secure: settings.tls === 'implicit',
    requireTLS: settings.tls === 'starttls',
    opportunisticTLS: settings.tls === 'opportunistic' && !inClear,
    ignoreTLS: inClear,
    // The deadline below knows better what was waited for, so it comes first.
    connectionTimeout: settings.connectTimeout + GRACE,
    greetingTimeout: settings.connectTimeout + GRACE,
    socketTimeout: settings.connectTimeout + GRACE,
    tls: options.protection,
    logger: false,
  });
  return new Promise((resolve) => {
    const about = () => ({ settings, target, phase: phaseOf(connection) });
    const left = Math.max(1, settings.connectTimeout - (performance.now() - start));
    const deadline = setTimeout(() => settle(timeoutFailure(about())), left);
    const settle = (outcome: UpstreamDialogue | Refusal | Failed): void => {
      clearTimeout(deadline);
      // The first word counts: closing makes the connection say that it was closed.
      resolve(outcome);
      if (!(outcome instanceof UpstreamDialogue)) connection.close();
    };
    const fail = (error: Error & { originalCode?: string }): void => {
      const refusal = connectFailure(error, about());
      const byTls = connection.upgrading === true || /^ERR_SSL_/.test(error.originalCode ?? '');
      settle(byTls ? { refusal, handshake: true } : refusal);
    };
    // Stays attached: a late error of a connection given up must not become an uncaught exception.
    connection.on('error', fail);
    connection.once('end', () =>
      settle(refuse('upstream-unavailable', `${placeOf(target)} closed the connection before it was ready`)),
    );
    connection.connect((error?: Error | null) =>
      error ? fail(error) : settle(takeOver(connection, { settings, target, start })),
    );
  });
}

/** Milliseconds. */
const GRACE = 1_000;

function phaseOf(connection: SMTPConnection): ConnectPhase {
  if (connection.upgrading) return 'handshake';
  if (connection.stage === 'init') {
    const reached = connection._socket && !connection._socket.connecting;
    return reached && connection.secureConnection ? 'handshake' : 'connecting';
  }
  return connection.lastServerResponse === false ? 'greeting' : 'dialogue';
}

/** The parts of SMTPConnection that the take-over rests on; test/unit/relay/connection/nodemailer.test.ts guards them. */
interface Inner {
  _socket: Socket;
  _remainder: string;
  _responseQueue: readonly string[];
  /** Of the EHLO reply, without codes and without the first. */
  _ehloLines?: readonly string[];
  _onSocketData: () => void;
  _onSocketError: () => void;
  _onSocketClose: () => void;
  _onSocketEnd: () => void;
  _onSocketTimeout: () => void;
}

function takeOver(
  connection: SMTPConnection,
  { settings, target, start }: { settings: UpstreamSettings; target: Target; start: number },
): UpstreamDialogue | Refusal {
  const inner = connection as unknown as Inner;
  const socket = inner._socket;
  const pinned = settings.fingerprints ? isPinned(socket, settings.fingerprints, placeOf(target)) : true;
  if (isRefusal(pinned)) return pinned;
  // It would be taken for the reply to the next command, and every later answer be one too late.
  if (inner._remainder !== '' || inner._responseQueue.length > 0)
    return refuse('upstream-protocol', `${placeOf(target)} said more than its reply to EHLO`);
  socket.pause();
  socket.removeListener('data', inner._onSocketData);
  socket.removeListener('close', inner._onSocketClose);
  socket.removeListener('end', inner._onSocketEnd);
  socket.removeListener('timeout', inner._onSocketTimeout);
  socket.on('error', () => undefined);
  socket.removeListener('error', inner._onSocketError);
  socket.setTimeout(0);
  const secure = connection.secure === true;
  const capabilities = readCapabilities(ehloReply(connection), { secure });
  return new UpstreamDialogue({ socket, capabilities, elapsed: performance.now() - start });
}

function ehloReply(connection: SMTPConnection): string {
  const last = String(connection.lastServerResponse);
  if (last.startsWith('250')) return last;
  // The last word was a no to STARTTLS, and what was said before it goes on to count.
  const { _ehloLines: lines = [] } = connection as unknown as Inner;
  return ['250-', ...lines.map((line) => `250-${line}`)].join('\n');
}
