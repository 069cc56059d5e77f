// The mail client's door as it is in production, with a scripted upstream behind it, tokens of every kind, and its journal.

import { createAudit } from '../../src/audit/audit.ts';
import { createPortKeeper } from '../../src/port/keeper.ts';
import type { TokenSource } from '../../src/relay/login/token-source.ts';
import { createRelay } from '../../src/relay/relay.ts';
import type { NamedUpstreamSettings, UpstreamSettings } from '../../src/relay/settings.ts';
import { createSessionRegistry, type SessionDirectory } from '../../src/submission/access/registry.ts';
import { type BoundListener, createSubmission } from '../../src/submission/listener.ts';
import type { SubmissionSettings } from '../../src/submission/settings.ts';
import type { TrustedIssuerSettings } from '../../src/token/settings.ts';
import type { TokenVerifier } from '../../src/token/verifier.ts';
import type { Revocations } from '../../src/token/withdrawal/revocations.ts';
import { testCertificate } from './certificates.ts';
import type { PlayableGateway } from './dialogue.ts';
import { createGatewayTokens, type GatewayTokens, type TestIntrospection } from './gateway-tokens.ts';
import { type ScriptedUpstreamOptions, startScriptedUpstream } from './scripted-upstream.ts';
import { testContexts } from './tls-contexts.ts';
import { testClock } from './tokens.ts';

export interface TestGatewayOptions {
  /** Changes to the settings; durations in milliseconds. */
  readonly submission?: SubmissionChanges;
  readonly relay?: Partial<UpstreamSettings>;
  readonly upstream?: ScriptedUpstreamOptions;
  /** For an upstream that is signed in to with them. */
  readonly upstreamTokens?: TokenSource;
  /** Several upstreams in place of one, given the one that is there anyway. */
  readonly several?: (first: NamedUpstreamSettings) => readonly NamedUpstreamSettings[];
  /** The upstream was asked what it offers before the first client comes, as the gateway does when it starts. */
  readonly upstreamKnown?: boolean;
  /** PEM text of those whose client certificates are believed, for listeners that ask for one. */
  readonly clientAuthorities?: string;
  /** Of the trusted issuer; its failures are journalled. */
  readonly introspection?: Omit<TestIntrospection, 'onFailed'>;
  /** Verifies in place of the gateway's own; the clock is then the machine's. */
  readonly verifier?: TokenVerifier;
  /** Changes to the settings of the trusted issuer. */
  readonly trusted?: Partial<TrustedIssuerSettings>;
}

export type SubmissionChanges = Partial<Omit<SubmissionSettings, 'header'>> & {
  readonly header?: Partial<SubmissionSettings['header']>;
};

export interface TestGateway extends PlayableGateway {
  readonly revocations: Revocations;
  readonly mint: GatewayTokens['mint'];
  readonly sessions: SessionDirectory;
  /** In the order of the settings. */
  readonly bound: readonly BoundListener[];
}

/** The listeners on loopback with free ports, one for trusted networks if there are any. The clock stands at `TEST_TIME` until it is advanced. */
export async function startTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const certificate = await testCertificate();
  const upstream = await startScriptedUpstream(options.upstream);
  const clock = testClock();
  const journal = new CapturedJournal();
  const audit = createAudit({
    settings: { level: 'trace', listen: { host: '127.0.0.1', port: 0 } },
    destination: journal,
  });
  const introspection = options.introspection && {
    ...options.introspection,
    onFailed: audit.events.recheckFailed,
  };
  const tokens = await createGatewayTokens(clock.now, introspection, options.trusted);
  const settings = submissionSettings(options.submission);
  const first = relaySettings({ host: upstream.host, port: upstream.port, ...options.relay });
  const relay = createRelay({
    settings: options.several
      ? { upstreams: options.several({ ...first, id: 'first', priority: 0, weight: 1 }), routes: [] }
      : { upstream: first, upstreams: [], routes: [] },
    hostname: settings.hostname,
    ...(options.upstreamTokens && { tokens: () => options.upstreamTokens as TokenSource }),
  });
  if (options.upstreamKnown) await relay.probe();
  const sessions = createSessionRegistry();
  tokens.revocations.onRevoked((revocation) => void sessions.revoke(revocation));
  const keeper = createPortKeeper({
    onRefused: audit.events.proxyRefused,
    onFault: (error) => audit.events.fault({ where: 'port', error }),
  });
  const submission = createSubmission({
    settings,
    ports: keeper,
    sessions,
    tls: await testContexts(certificate, options.clientAuthorities),
    verifier: options.verifier ?? tokens.verifier,
    revocations: tokens.revocations,
    relay,
    audit: audit.events,
    leeway: 60_000,
    challenge: {
      scope: 'urn:ietf:params:oauth:scope:mail',
      openidConfiguration: 'https://mail.example.org/.well-known/openid-configuration',
    },
    challengeFor: tokens.challengeFor,
    now: options.verifier ? Date.now : clock.now,
  });
  const ports = { starttls: 0, implicit: 0, trusted: 0 };
  const bound = (await submission.listen()).map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason;
    return outcome.value;
  });
  for (const [index, { tls, port }] of bound.entries()) {
    ports[settings.listeners[index]?.access === 'trusted-networks' ? 'trusted' : tls] = port;
  }
  submission.serve();
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= keeper.close().then(() => submission.drain());
    return stopped;
  };

  return {
    host: '127.0.0.1',
    ports,
    bound,
    ca: certificate.ca,
    upstream,
    journal: journal.lines,
    revocations: tokens.revocations,
    mint: tokens.mint,
    sessions,
    token: tokens.token,
    setIssuerUp: tokens.setIssuerUp,
    advanceClock: clock.advance,
    shutDown() {
      void stop();
    },
    async close() {
      await stop();
      relay.close();
      try {
        // What is still on its way counts: a final dot that should never have been sent must be seen here.
        const closed = () => upstream.connections.every((connection) => connection.closed);
        await upstream.until(closed, 'Postern to close its connections');
        await journal.everySessionClosed();
      } finally {
        await upstream.close();
        tokens.close();
        await audit.close();
      }
    },
  };
}

/** The journal's lines, and a way to wait for its last ones. */
class CapturedJournal {
  readonly lines: string[] = [];
  #open = 0;
  #wake: () => void = () => {};

  write(line: string): void {
    this.lines.push(line);
    const { event } = JSON.parse(line);
    if (event === 'sessionOpened') this.#open += 1;
    if (event === 'sessionClosed') this.#open -= 1;
    if (this.#open === 0) this.#wake();
  }

  /** Each `sessionOpened` has its `sessionClosed`. */
  async everySessionClosed(): Promise<void> {
    if (this.#open === 0) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const late = () => reject(new Error(`journal: ${this.#open} session(s) were never closed`));
    const limit = setTimeout(late, 20_000);
    await promise.finally(() => clearTimeout(limit));
  }
}

function submissionSettings({ header, ...changes }: SubmissionChanges = {}): SubmissionSettings {
  const listen = { host: '127.0.0.1', port: 0 };
  return {
    hostname: 'localhost',
    listeners: [
      { listen, tls: 'starttls' },
      { listen, tls: 'implicit' },
      ...(changes.trustedNetworks ? [{ listen, tls: 'starttls', access: 'trusted-networks' } as const] : []),
    ],
    mechanisms: ['OAUTHBEARER', 'XOAUTH2'],
    maxMessageBytes: 52_428_800,
    maxHeaderBytes: 262_144,
    header: {
      drop: ['Bcc', 'Resent-Bcc', 'Return-Path', 'Content-Length'],
      authenticationResults: 'add',
      clientAddress: 'show',
      ...header,
    },
    qualifiedDomains: 'required',
    maxRecipients: 1000,
    maxConnections: 2000,
    maxConnectionsPerAddress: 200,
    maxSessionsPerUser: 500,
    maxLoginFailures: 3,
    maxUnauthenticatedCommands: 30,
    maxCommandErrors: 20,
    loginTimeout: 60_000,
    idleTimeout: 300_000,
    minBytesPerSecond: 50,
    maxTransaction: 1_800_000,
    maxSession: 86_400_000,
    tokenExpiry: 'next-message',
    drainTimeout: 10_000,
    ...changes,
  };
}

function relaySettings(
  changes: Partial<UpstreamSettings> & Pick<UpstreamSettings, 'host'>,
): UpstreamSettings {
  return {
    lookup: 'address',
    tls: 'none',
    identity: { xclient: 'off', xforward: 'off', mailFromAuth: false },
    maxConnections: 50,
    maxWait: 10_000,
    idleTimeout: 30_000,
    maxMessagesPerConnection: 100,
    connectTimeout: 10_000,
    replyTimeout: 120_000,
    finalReplyTimeout: 600_000,
    healthCheckInterval: 30_000,
    ...changes,
  };
}
