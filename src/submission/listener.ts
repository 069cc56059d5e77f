// Owns the listeners of the mail client's door: their start, their certificate, their end.

import { constants } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { AuditEvents } from '../audit/event-fields.ts';
import type { Relay } from '../relay/relay.ts';
import type { Revocations } from '../token/revocations.ts';
import type { TokenVerifier } from '../token/verifier.ts';
import type { Door } from './door.ts';
import { type ConnectionCounts, GateServer } from './engine.ts';
import { createSessionRegistry, type SessionDirectory } from './registry.ts';
import type { ListenerSettings, SubmissionSettings } from './settings.ts';

/** PEM texts. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

export interface BoundListener {
  readonly host: string;
  readonly port: number;
  readonly tls: ListenerSettings['tls'];
}

export interface Submission {
  /** Who is signed in now. */
  readonly sessions: SessionDirectory;
  /** Binds every listener; gives, in the order of the settings, what was bound or the error (`EADDRINUSE`, …). */
  listen(): Promise<readonly PromiseSettledResult<BoundListener>[]>;
  /** No new connections; idle sessions get 421, transactions in flight finish within `drainTimeout`. */
  close(): Promise<void>;
}

// RFC 9325 §4.2: forward secrecy and authenticated encryption only.
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

export function createSubmission(options: {
  settings: SubmissionSettings;
  tls: Certificate;
  verifier: TokenVerifier;
  relay: Relay;
  revocations: Pick<Revocations, 'isRevoked' | 'onRevoked'>;
  audit: AuditEvents;
  challenge: { scope: string; openidConfiguration: string | undefined };
  /** Milliseconds a token is taken beyond its end, as in `token.leeway`. */
  leeway: number;
  now?: () => number;
}): Submission {
  const { settings, revocations } = options;
  const sessions = createSessionRegistry();
  const deaf = revocations.onRevoked((revocation) => void sessions.revoke(revocation));
  const door: Door = {
    settings,
    verifier: options.verifier,
    relay: options.relay,
    sessions,
    isRevoked: (principal) => revocations.isRevoked(principal),
    audit: options.audit,
    challenge: options.challenge,
    leeway: options.leeway,
    now: options.now ?? Date.now,
  };
  const counts: ConnectionCounts = { byAddress: new Map(), total: 0 };
  const servers = settings.listeners.map((listener) => ({
    listener,
    server: createServer({ listener, door, counts, tls: options.tls }),
  }));

  return {
    sessions,
    listen: () => Promise.allSettled(servers.map(bind)),
    async close() {
      await Promise.all(servers.map(({ server }) => drain(server, settings.drainTimeout)));
      // Not before: what is in flight may still be revoked.
      deaf();
    },
  };
}

function createServer(options: {
  listener: ListenerSettings;
  door: Door;
  counts: ConnectionCounts;
  tls: Certificate;
}): GateServer {
  const { door, listener } = options;
  return new GateServer(
    {
      name: door.settings.hostname,
      secure: listener.tls === 'implicit',
      key: options.tls.key,
      cert: options.tls.certificate,
      minVersion: door.settings.tls?.minVersion ?? 'TLSv1.2',
      ciphers: CIPHERS,
      honorCipherOrder: true,
      // Of no use to a mail client, costly to a server; and the engine takes a second handshake for a new connection's.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
      socketTimeout: door.settings.idleTimeout,
      // Handshakes under way; sessions are counted in the engine.
      maxClients: door.settings.maxConnections,
    },
    { door, counts: options.counts, label: listener.tls },
  );
}

async function bind({
  server,
  listener,
}: {
  server: GateServer;
  listener: ListenerSettings;
}): Promise<BoundListener> {
  const { host, port } = listener.listen;
  server.server.listen({ port, ...(host ? { host } : {}) });
  await once(server.server, 'listening');
  const address = server.server.address() as AddressInfo;
  return { host: address.address, port: address.port, tls: listener.tls };
}

async function drain(server: GateServer, timeout: number): Promise<void> {
  if (!server.server.listening) return;
  const closed = once(server.server, 'close');
  server.server.close();
  for (const socket of server._pendingSockets.values()) socket.destroy();
  for (const { gate } of server.live) gate.drain();
  const late = setTimeout(() => {
    for (const connection of server.live) {
      connection.gate.end('shutting-down');
      connection._socket.destroy();
    }
  }, timeout);
  await Promise.all([closed, server.empty()]);
  clearTimeout(late);
}
