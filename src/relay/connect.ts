// Owns the way to a ready connection: nodemailer connects, upgrades to TLS and logs in; then its socket is taken over.

import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import { type Refusal, refuse } from '../refusal.ts';
import { type Capabilities, readCapabilities } from './capabilities.ts';
import type { RelaySettings } from './settings.ts';

export interface ReadySocket {
  readonly socket: Socket;
  readonly capabilities: Capabilities;
}

/** Connects, or says why not: `upstream-unavailable`, `upstream-timeout`, `upstream-login`. Never rejects. */
export async function connectUpstream(options: {
  settings: RelaySettings;
  name: string;
}): Promise<ReadySocket | Refusal> {
  const { ca } = options.settings;
  try {
    // Read anew each time, so that renewed authorities count; that they can't be read just now must cost no more than this try.
    return await connect({ ...options, authorities: ca === undefined ? undefined : readFileSync(ca) });
  } catch (error) {
    return refusalFor(error as Error);
  }
}

function connect(options: {
  settings: RelaySettings;
  name: string;
  authorities: Buffer | undefined;
}): Promise<ReadySocket | Refusal> {
  const { settings, authorities } = options;
  const connection = new SMTPConnection({
    host: settings.host,
    port: settings.port,
    name: options.name,
    secure: settings.tls === 'implicit',
    requireTLS: settings.tls === 'starttls',
    ignoreTLS: settings.tls === 'none',
    connectionTimeout: settings.connectTimeout,
    greetingTimeout: settings.connectTimeout,
    socketTimeout: settings.finalReplyTimeout,
    ...(settings.serverName ? { servername: settings.serverName } : {}),
    tls: {
      minVersion: 'TLSv1.2',
      ...(authorities ? { ca: authorities } : {}),
    },
    logger: false,
  });
  return new Promise((resolve) => {
    const deadline = setTimeout(
      () => settle(refuse('upstream-timeout', 'connecting took too long')),
      settings.connectTimeout,
    );
    const settle = (outcome: ReadySocket | Refusal): void => {
      clearTimeout(deadline);
      // The first word counts: closing makes the connection say that it was closed.
      resolve(outcome);
      if ('refused' in outcome) connection.close();
    };
    // Stays attached: a late error of a connection given up must not become an uncaught exception.
    connection.on('error', (error: Error) => settle(refusalFor(error)));
    connection.once('end', () =>
      settle(refuse('upstream-unavailable', 'connection closed before it was ready')),
    );
    connection.connect((error?: Error | null) => {
      if (error) return settle(refusalFor(error));
      const secure = connection.secure === true;
      const capabilities = readCapabilities(String(connection.lastServerResponse), { secure });
      if (!settings.login) return settle(takeOver(connection, capabilities));
      const credentials = { user: settings.login.user, pass: settings.login.password.reveal() };
      connection.login({ credentials }, (failure?: Error | null) =>
        settle(failure ? loginRefusal(failure) : takeOver(connection, capabilities)),
      );
    });
  });
}

/** The parts of SMTPConnection that the take-over rests on; test/unit/relay/nodemailer.test.ts guards them. */
interface Listeners {
  _socket: Socket;
  _onSocketData: () => void;
  _onSocketError: () => void;
  _onSocketClose: () => void;
  _onSocketEnd: () => void;
  _onSocketTimeout: () => void;
}

function takeOver(connection: SMTPConnection, capabilities: Capabilities): ReadySocket {
  const inner = connection as unknown as Listeners;
  const socket = inner._socket;
  socket.pause();
  socket.removeListener('data', inner._onSocketData);
  socket.removeListener('close', inner._onSocketClose);
  socket.removeListener('end', inner._onSocketEnd);
  socket.removeListener('timeout', inner._onSocketTimeout);
  socket.on('error', () => undefined);
  socket.removeListener('error', inner._onSocketError);
  socket.setTimeout(0);
  return { socket, capabilities };
}

/** nodemailer reports a refused login both to its callback and as an event, in no fixed order. */
function refusalFor(error: Error & { code?: string; originalCode?: string; response?: string }): Refusal {
  if (error.code === 'EAUTH') return loginRefusal(error);
  const detail = [error.originalCode ?? error.code, error.message].filter(Boolean).join(': ');
  const timedOut = error.code === 'ETIMEDOUT';
  return refuse(timedOut ? 'upstream-timeout' : 'upstream-unavailable', oneLine(detail));
}

function loginRefusal(error: Error & { responseCode?: number }): Refusal {
  // Neither the command nor the credentials stand in the message, only the upstream's reply.
  return refuse(
    'upstream-login',
    oneLine(`upstream refused Postern’s own login (${error.responseCode ?? 'no reply'}): ${error.message}`),
  );
}

const oneLine = (text: string): string => text.replace(/[\x00-\x1f\x7f]+/g, ' ').slice(0, 300);
