// Owns the counters and gauges that Prometheus scrapes. The only importer of prom-client.
// No label holds a user, an address or any other text a peer chooses: every label value comes from a closed list.

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { REFUSAL_CODES } from '../refusal.ts';

const MECHANISMS = new Set(['OAUTHBEARER', 'XOAUTH2', 'PLAIN', 'LOGIN']);
const GRANT_TYPES = new Set([
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:device_code',
  'urn:ietf:params:oauth:grant-type:token-exchange',
]);
const CODES: ReadonlySet<string> = new Set(REFUSAL_CODES);

/** Seconds; a message of 25 MB over a slow line takes minutes. */
const MESSAGE_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Gauge({ name, help, labelNames, registers });

  const metrics = {
    registry,
    build: gauge('postern_build_info', 'Constant 1; the version is in the label.', 'version'),
    sessionsOpen: gauge('postern_sessions_open', 'Mail sessions open now.'),
    sessions: counter('postern_sessions_total', 'Mail sessions opened, by listener.', 'listener'),
    logins: counter(
      'postern_logins_total',
      'Logins of mail clients, by mechanism and outcome (accepted or the refusal code).',
      'mechanism',
      'outcome',
    ),
    discoveries: counter('postern_discoveries_total', 'Empty OAUTHBEARER probes answered (RFC 7628 §4.3).'),
    messages: counter(
      'postern_messages_total',
      'Messages, by outcome: accepted by the upstream, or refused.',
      'outcome',
    ),
    messageBytes: counter('postern_message_bytes_total', 'Bytes of the messages accepted.'),
    messageSeconds: new Histogram({
      name: 'postern_message_seconds',
      help: 'From MAIL to the reply to the final dot, of the messages accepted.',
      buckets: MESSAGE_SECONDS,
      registers,
    }),
    refusals: counter('postern_refusals_total', 'Refusals, by stage and code.', 'stage', 'code'),
    upstreamUp: gauge(
      'postern_upstream_up',
      '0 after the upstream could not be used, else 1, by its id.',
      'upstream',
    ),
    identityProviderUp: gauge(
      'postern_identity_provider_up',
      '0 after the identity provider failed, else 1.',
    ),
    signIns: counter('postern_sign_ins_total', 'Sign-ins at the identity provider, by outcome.', 'outcome'),
    consents: counter('postern_consents_total', 'Consents, by answer.', 'answer'),
    tokens: counter('postern_tokens_issued_total', 'Access tokens issued, by grant type.', 'grant_type'),
    revocations: counter('postern_revocations_total', 'Tokens and grants revoked, by kind.', 'kind'),
    sessionsRevoked: counter(
      'postern_sessions_revoked_total',
      'Signed-in mail sessions that lost trust while they were open.',
    ),
    signals: counter(
      'postern_signals_total',
      'Word of an end from outside (logout, Shared Signals, global revocation), by way and outcome.',
      'via',
      'outcome',
    ),
    refreshTokensReused: counter(
      'postern_refresh_tokens_reused_total',
      'Refresh tokens used a second time; each ended its grant.',
    ),
    faults: counter('postern_faults_total', 'Faults: what nobody expected. Each has a journal line.'),
    linesLost: counter('postern_journal_lines_lost_total', 'Journal lines that could not be written.'),
    linesSuppressed: counter(
      'postern_journal_lines_suppressed_total',
      'Refusal lines left out of the journal because one peer caused too many.',
    ),
  };
  metrics.identityProviderUp.set(1);
  return metrics;
}

/** Memory, CPU, event loop and garbage collection of the process; observers run from here on. */
export function collectProcessMetrics(metrics: Metrics): void {
  collectDefaultMetrics({ register: metrics.registry, eventLoopMonitoringPrecision: 50 });
}

/** The label value for a mechanism: a peer may name any. */
export function mechanismLabel(mechanism: string): string {
  return MECHANISMS.has(mechanism) ? mechanism : 'other';
}

export function grantTypeLabel(grantType: string): string {
  return GRANT_TYPES.has(grantType) ? grantType : 'other';
}

export function codeLabel(code: string): string {
  return CODES.has(code) ? code : 'other';
}
