// Owns the mail client's door as a whole: one engine for each listener, their ports, their end.

import type { AuditEvents } from '../audit/event-fields.ts';
import type { Dkim } from '../dkim/dkim.ts';
import type { Lease, PortKeeper } from '../port/keeper.ts';
import type { Relay } from '../relay/relay.ts';
import type { TlsContexts } from '../tls/contexts.ts';
import type { TokenVerifier } from '../token/verifier.ts';
import type { Revocations } from '../token/withdrawal/revocations.ts';
import { Admission } from './access/admission.ts';
import { Penalty } from './access/penalty.ts';
import type { SessionRegistry } from './access/registry.ts';
import { TrustedNetworks } from './access/trusted-networks.ts';
import type { Door } from './door.ts';
import { GateServer } from './engine.ts';
import type { ListenerSettings } from './listener-settings.ts';
import type { SubmissionSettings } from './settings.ts';

export interface BoundListener {
  readonly host: string;
  readonly port: number;
  readonly tls: ListenerSettings['tls'];
}

export interface Submission {
  /** Opens the ports that are not open yet; gives, in the order of the settings, where each is or the error (`EADDRINUSE`, …). */
  listen(): Promise<readonly PromiseSettledResult<BoundListener>[]>;
  /** From now on new connections come here; whoever served these ports before gets no more. */
  serve(): void;
  /** Instead of {@link Submission.serve}: closes the ports that were opened for it. */
  withdraw(): Promise<void>;
  /** Idle sessions get 421, transactions in flight finish within `drainTimeout`. The ports are the keeper's to close. */
  drain(): Promise<void>;
}

export function createSubmission(options: {
  settings: SubmissionSettings;
  ports: PortKeeper;
  tls: TlsContexts;
  verifier: Omit<TokenVerifier, 'read'>;
  relay: Relay;
  dkim?: Dkim | undefined;
  sessions: SessionRegistry;
  revocations: Pick<Revocations, 'isRevoked'>;
  audit: AuditEvents;
  challenge: Door['challenge'];
  challengeFor?: Door['challengeFor'] | undefined;
  /** Milliseconds a token is taken beyond its end, as in `token.leeway`. */
  leeway: number;
  now?: () => number;
}): Submission {
  const { settings, revocations } = options;
  const door: Door = {
    settings,
    verifier: options.verifier,
    relay: options.relay,
    dkim: options.dkim,
    sessions: options.sessions,
    isRevoked: (principal) => revocations.isRevoked(principal),
    trustedNetworks: new TrustedNetworks(settings.trustedNetworks ?? []),
    penalty: new Penalty(),
    audit: options.audit,
    challenge: options.challenge,
    ...(options.challengeFor && { challengeFor: options.challengeFor }),
    leeway: options.leeway,
    now: options.now ?? Date.now,
  };
  const admission = new Admission(settings);
  const servers = settings.listeners.map((listener) =>
    createServer({ listener, door, admission, tls: options.tls }),
  );
  let lease: Lease | undefined;

  return {
    async listen() {
      lease = await options.ports.lease(
        settings.listeners.map(({ listen, proxyProtocol }) => ({
          listen,
          proxyFrom: proxyProtocol?.from ?? [],
        })),
      );
      return lease.results.map((result, index) => {
        if (result.status === 'rejected') return result;
        const tls = settings.listeners[index]?.tls ?? 'starttls';
        return { status: 'fulfilled', value: { ...result.value, tls } };
      });
    },
    serve: () => lease?.take(servers.map((server) => (incoming) => server.accept(incoming))),
    withdraw: async () => lease?.drop(),
    async drain() {
      await Promise.all(servers.map((server) => drain(server, settings.drainTimeout)));
    },
  };
}

function createServer(options: {
  listener: ListenerSettings;
  door: Door;
  admission: Admission;
  tls: TlsContexts;
}): GateServer {
  const { door, listener, tls } = options;
  const clientCertificate = listener.clientCertificate ?? 'none';
  const asks = clientCertificate !== 'none';
  // config/ sees to it that who asks for certificates also names their authorities.
  const contexts = asks ? (tls.askingClients ?? tls) : tls;
  return new GateServer(
    {
      name: door.settings.hostname,
      secure: listener.tls === 'implicit',
      ...tls.options,
      requestCert: asks,
      rejectUnauthorized: clientCertificate === 'required',
      socketTimeout: door.settings.idleTimeout,
    },
    { ...options, contexts },
  );
}

async function drain(server: GateServer, timeout: number): Promise<void> {
  server.drain();
  const late = setTimeout(() => server.cut(), timeout);
  await server.empty();
  clearTimeout(late);
}
