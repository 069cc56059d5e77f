// Owns the SMTP side of the demo's inbox, on smtp-server: takes mail for anyone but `nobody`.

import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { SMTPServer, type SMTPServerAddress, type SMTPServerSession } from 'smtp-server';
import { SMTPConnection, type SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js';
import type { SocketAddress } from '../setting.ts';
import type { InboxFolder, ReceivedEnvelope } from './inbox-folder.ts';

const MAX_CONNECTIONS = 500;
/** More than Postern takes, so that what Postern takes always fits with the header lines it adds. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

export interface InboxServer {
  readonly port: number;
  close(): Promise<void>;
}

export async function startInboxServer(options: {
  readonly listen: SocketAddress;
  readonly folder: InboxFolder;
  readonly maxMessageBytes?: number;
}): Promise<InboxServer> {
  const { listen, folder, maxMessageBytes = MAX_MESSAGE_BYTES } = options;
  const server = new PromptServer({
    name: 'inbox.localhost',
    banner: 'Postern demo inbox',
    logger: false,
    disableReverseLookup: true,
    // It speaks no TLS and knows no users: it listens on loopback only. The last three are jokes of smtp-server's.
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS', 'XCLIENT', 'XFORWARD', 'WIZ', 'SHELL', 'KILL'],
    hideENHANCEDSTATUSCODES: false,
    hideDSN: false,
    size: maxMessageBytes,
    rejectOversized: true,
    socketTimeout: 5 * 60 * 1000,
    closeTimeout: 1_000,
    onRcptTo: (address, _session, callback) => callback(isNobody(address) ? unknownUser(address) : null),
    onData: (stream, session, callback) => {
      folder.store(envelopeOf(session), withinLimit(stream)).then(
        () => callback(null, 'Message is in the inbox'),
        (error: unknown) => callback(notStored(error)),
      );
    },
  });
  server.server.maxConnections = MAX_CONNECTIONS;
  await listening(server, listen);
  return {
    port: (server.server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Greets at once; smtp-server waits 100 ms for clients that speak too early. */
class PromptServer extends SMTPServer {
  override connect(socket: Socket | TLSSocket, options?: SMTPConnectionOptions | null): void {
    const connection = new PromptConnection(this, socket, options);
    this.connections.add(connection);
    // A client that goes away in the middle of a message is no fault: the message is dropped.
    connection.on('error', () => undefined);
    connection.init();
  }
}

class PromptConnection extends SMTPConnection {
  override init(): void {
    this._setListeners(() => this.connectionReady());
  }
}

async function listening(server: SMTPServer, listen: SocketAddress): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) =>
      reject(
        new Error(
          `its inbox cannot listen on ${listen.host}:${listen.port} (${error.code ?? error.message})`,
          {
            cause: error,
          },
        ),
      );
    server.once('error', failed);
    server.listen(listen.port, listen.host, () => {
      server.off('error', failed);
      server.on('error', () => undefined);
      resolve();
    });
  });
}

function envelopeOf(session: SMTPServerSession): ReceivedEnvelope {
  const { mailFrom, rcptTo } = session.envelope;
  return {
    mailFrom: mailFrom === false ? '' : mailFrom.address,
    recipients: rcptTo.map((recipient) => recipient.address),
  };
}

/** So that one can try a rejected recipient. */
function isNobody(address: SMTPServerAddress): boolean {
  return address.address.toLowerCase().startsWith('nobody@');
}

function unknownUser(address: SMTPServerAddress): Error {
  return reply(550, `<${address.address}>: nobody here by that name`);
}

function notStored(error: unknown): Error {
  if (error instanceof TooLarge) {
    return reply(552, error.message);
  }
  return reply(
    451,
    `The inbox cannot store the message (${(error as NodeJS.ErrnoException)?.code ?? 'error'})`,
  );
}

function reply(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode });
}

class TooLarge extends Error {}

/** smtp-server answers 552 itself, but tells the handler only by a flag on the stream. */
async function* withinLimit(stream: AsyncIterable<Buffer> & { readonly sizeExceeded: boolean }) {
  for await (const chunk of stream) {
    if (!stream.sizeExceeded) {
      yield chunk;
    }
  }
  if (stream.sizeExceeded) {
    throw new TooLarge('Message too large');
  }
}
