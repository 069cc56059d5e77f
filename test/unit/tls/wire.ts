// Real TLS connections for tests: a server as submission/ makes one from contexts, and clients that resume.

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type ConnectionOptions, connect, TLSSocket } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { ServerContexts } from '../../../src/tls/contexts.ts';

export interface TestServer {
  readonly port: number;
  /** What went wrong with handshakes. */
  readonly failures: readonly string[];
}

/** Says of each connection `resumed|full authorized|not NAME`, NAME being the common name of the client's certificate. */
export async function serve(
  contexts: ServerContexts,
  options: { requestCert?: boolean } = {},
): Promise<TestServer> {
  const failures: string[] = [];
  const server = createServer((socket) => {
    // As smtp-server makes it (smtp-connection.js, createTLSSocketOptions).
    const secured = new TLSSocket(socket, {
      isServer: true,
      secureContext: contexts.current(),
      SNICallback: (name, done) => done(null, contexts.forName(name) ?? contexts.current()),
      ...(options.requestCert ? { requestCert: true, rejectUnauthorized: false } : {}),
    });
    secured.on('error', (error) => failures.push(error.message));
    secured.once('secure', () => secured.end(describe(secured, options.requestCert === true)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, failures };
}

function describe(socket: TLSSocket, asks: boolean): string {
  const resumed = socket.isSessionReused() ? 'resumed' : 'full';
  if (!asks) return resumed;
  // As smtp-server judges it (smtp-connection.js, verifyPeerCertificate).
  const handle = (socket as unknown as { _handle: { verifyError(): unknown } })._handle;
  const name = socket.getPeerCertificate()?.subject?.CN ?? 'nobody';
  return `${resumed} ${handle.verifyError() ? 'not' : 'authorized'} ${name}`;
}

export interface Visit {
  /** What the server said. */
  readonly said: string;
  readonly resumed: boolean;
  /** New ones. */
  readonly tickets: readonly Buffer[];
  /** Common name of the server's certificate, empty on a resumed session of TLS 1.3. */
  readonly certificate: string;
  readonly protocol: string | null;
  readonly cipher: string;
}

/** One connection from its beginning to its end. Rejects where the handshake fails. */
export async function visit(port: number, options: ConnectionOptions = {}): Promise<Visit> {
  const client = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
  const tickets: Buffer[] = [];
  let said = '';
  let resumed = false;
  let certificate = '';
  let protocol: string | null = null;
  let cipher = '';
  client.on('session', (ticket) => tickets.push(ticket));
  client.on('data', (chunk) => {
    said += String(chunk);
  });
  client.once('secureConnect', () => {
    resumed = client.isSessionReused();
    certificate = String(client.getPeerCertificate().subject?.CN ?? '');
    protocol = client.getProtocol();
    cipher = client.getCipher().name;
  });
  await new Promise<void>((resolve, reject) => {
    client.once('error', reject);
    client.once('close', () => resolve());
  });
  return { said, resumed, tickets, certificate, protocol, cipher };
}
