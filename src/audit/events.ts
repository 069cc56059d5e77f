// Owns the catalogue's code: one function per event, each writing one journal line and counting.
// What each event means and carries is described in catalogue.ts and docs/events.md.

import type { AuditEvents } from './event-fields.ts';
import { type Lines, openLines } from './event-lines.ts';
import { createFloodLimit, type FloodLimit } from './flood.ts';
import type { Journal } from './journal.ts';
import { codeLabel, grantTypeLabel, type Metrics, mechanismLabel } from './metrics.ts';

export type { AuditEvents } from './event-fields.ts';

/** Refusal lines about one peer written in one second; the metrics count every one. */
const REFUSAL_LINES_PER_SECOND = 50;
const COMMAND_LINES_PER_SECOND = 10;

export interface EventWriter {
  readonly events: AuditEvents;
  close(): void;
}

export function createEvents({ journal, metrics }: { journal: Journal; metrics: Metrics }): EventWriter {
  const line = openLines(journal);
  const limit = (linesPerSecond: number): FloodLimit =>
    createFloodLimit({
      linesPerSecond,
      onSuppressed: (peer, lines) => events.refusalsSuppressed({ peer, lines }),
    });
  const flood = limit(REFUSAL_LINES_PER_SECOND);
  const chatter = limit(COMMAND_LINES_PER_SECOND);
  const events: AuditEvents = {
    ...submissionEvents({ line, metrics, flood, chatter }),
    ...authorizationEvents({ line, metrics, flood }),
    ...processEvents({ line, metrics }),
  };
  return {
    events,
    close() {
      flood.close();
      chatter.close();
    },
  };
}

interface Parts {
  readonly line: Lines;
  readonly metrics: Metrics;
  readonly flood: FloodLimit;
  readonly chatter: FloodLimit;
}

function submissionEvents({ line, metrics, flood, chatter }: Parts) {
  return {
    sessionOpened(fields) {
      metrics.sessionsOpen.inc();
      metrics.sessions.inc({ listener: fields.listener });
      line.sessionOpened(fields);
    },
    loginSucceeded(fields) {
      metrics.logins.inc({ mechanism: mechanismLabel(fields.mechanism), outcome: 'accepted' });
      line.loginSucceeded(fields);
    },
    loginFailed(fields) {
      const code = codeLabel(fields.code);
      metrics.logins.inc({ mechanism: mechanismLabel(fields.mechanism), outcome: code });
      metrics.refusals.inc({ stage: 'login', code });
      if (flood.admits(fields.peer)) {
        line.loginFailed(fields);
      }
    },
    discoveryAnswered(fields) {
      metrics.discoveries.inc();
      if (flood.admits(fields.peer)) {
        line.discoveryAnswered(fields);
      }
    },
    commandRefused(fields) {
      // A count of their own: commands out of order must not crowd out the end of the session they came in.
      if (chatter.admits(fields.peer)) line.commandRefused(fields);
    },
    messageAccepted(fields) {
      metrics.messages.inc({ outcome: 'accepted' });
      metrics.messageBytes.inc(fields.bytes);
      metrics.messageSeconds.observe(fields.milliseconds / 1000);
      line.messageAccepted(fields);
    },
    messageRefused(fields) {
      metrics.refusals.inc({ stage: fields.stage, code: codeLabel(fields.code) });
      // A refused recipient leaves the message alive.
      if (fields.stage !== 'recipient') {
        metrics.messages.inc({ outcome: 'refused' });
      }
      if (flood.admits(fields.peer)) {
        line.messageRefused(fields);
      }
    },
    sessionRevoked(fields) {
      metrics.sessionsRevoked.inc();
      line.sessionRevoked(fields);
    },
    sessionClosed(fields) {
      metrics.sessionsOpen.dec();
      // Connections without a login cost their peer nothing, so their lines are bounded too.
      if (fields.user !== undefined || flood.admits(fields.peer)) {
        line.sessionClosed(fields);
      }
    },
    proxyRefused(fields) {
      if (flood.admits(fields.peer)) line.proxyRefused(fields);
    },
    recheckFailed(fields) {
      line.recheckFailed(fields);
    },
    upstreamDown(fields) {
      metrics.upstreamUp.set({ upstream: fields.upstream }, 0);
      line.upstreamDown(fields);
    },
    upstreamTokenTrouble(fields) {
      line.upstreamTokenTrouble(fields);
    },
    upstreamUp(fields) {
      metrics.upstreamUp.set({ upstream: fields.upstream }, 1);
      line.upstreamUp(fields);
    },
  } satisfies Partial<AuditEvents>;
}

function authorizationEvents({ line, metrics, flood }: Omit<Parts, 'chatter'>) {
  return {
    signInStarted(fields) {
      if (flood.admits(fields.peer ?? '')) {
        line.signInStarted(fields);
      }
    },
    signInSucceeded(fields) {
      metrics.signIns.inc({ outcome: 'accepted' });
      line.signInSucceeded(fields);
    },
    signInFailed(fields) {
      const code = codeLabel(fields.code);
      metrics.signIns.inc({ outcome: code });
      metrics.refusals.inc({ stage: 'sign-in', code });
      if (flood.admits(fields.peer ?? '')) {
        line.signInFailed(fields);
      }
    },
    consentGiven(fields) {
      metrics.consents.inc({ answer: 'given' });
      line.consentGiven(fields);
    },
    consentDenied(fields) {
      metrics.consents.inc({ answer: 'denied' });
      line.consentDenied(fields);
    },
    deviceGrantStarted(fields) {
      if (flood.admits(fields.peer ?? '')) {
        line.deviceGrantStarted(fields);
      }
    },
    deviceGrantRefused(fields) {
      metrics.consents.inc({ answer: 'denied' });
      line.deviceGrantRefused(fields);
    },
    deviceCodesLimited(fields) {
      metrics.refusals.inc({ stage: 'device-code', code: 'other' });
      if (flood.admits(fields.peer ?? '')) {
        line.deviceCodesLimited(fields);
      }
    },
    tokenIssued(fields) {
      metrics.tokens.inc({ grant_type: grantTypeLabel(fields.grantType) });
      line.tokenIssued(fields);
    },
    tokenRefreshed(fields) {
      metrics.tokens.inc({ grant_type: 'refresh_token' });
      line.tokenRefreshed(fields);
    },
    refreshTokenReused(fields) {
      metrics.refreshTokensReused.inc();
      line.refreshTokenReused(fields);
    },
    tokenRevoked(fields) {
      metrics.revocations.inc({ kind: 'token' });
      line.tokenRevoked(fields);
    },
    grantRevoked(fields) {
      metrics.revocations.inc({ kind: 'grant' });
      line.grantRevoked(fields);
    },
    personEnded(fields) {
      metrics.revocations.inc({ kind: 'person' });
      line.personEnded(fields);
    },
    personEnabled(fields) {
      line.personEnabled(fields);
    },
    idpSessionEnded(fields) {
      metrics.revocations.inc({ kind: 'idp-session' });
      line.idpSessionEnded(fields);
    },
    clientEnded(fields) {
      metrics.revocations.inc({ kind: 'client' });
      line.clientEnded(fields);
    },
    signalReceived(fields) {
      metrics.signals.inc({ via: fields.via, outcome: fields.outcome });
      // What changes nothing costs its sender nothing either.
      if (fields.outcome === 'ended' || fields.outcome === 'enabled' || flood.admits(fields.peer ?? '')) {
        line.signalReceived(fields);
      }
    },
    signalRefused(fields) {
      metrics.signals.inc({ via: fields.via, outcome: 'refused' });
      metrics.refusals.inc({ stage: 'signal', code: codeLabel(fields.code) });
      // A flood from many addresses is one flood: its lines share one count.
      if (flood.admits(fields.code === 'too-many-connections' ? 'others' : (fields.peer ?? ''))) {
        line.signalRefused(fields);
      }
    },
    signalSourceDown(fields) {
      line.signalSourceDown(fields);
    },
    signalSourceUp(fields) {
      line.signalSourceUp(fields);
    },
    signedOut(fields) {
      line.signedOut(fields);
    },
    clientRegistered(fields) {
      if (flood.admits(fields.peer ?? '')) {
        line.clientRegistered(fields);
      }
    },
    clientRefused(fields) {
      metrics.refusals.inc({ stage: 'client', code: 'other' });
      if (flood.admits(fields.peer ?? '')) {
        line.clientRefused(fields);
      }
    },
    identityProviderDown(fields) {
      metrics.identityProviderUp.set(0);
      line.identityProviderDown(fields);
    },
    identityProviderUp(fields) {
      metrics.identityProviderUp.set(1);
      line.identityProviderUp(fields);
    },
  } satisfies Partial<AuditEvents>;
}

function processEvents({ line, metrics }: Omit<Parts, 'flood' | 'chatter'>) {
  return {
    administrationUsed(fields) {
      line.administrationUsed(fields);
    },
    started(fields) {
      metrics.build.set({ version: fields.version }, 1);
      line.started(fields);
    },
    reloaded(fields) {
      line.reloaded(fields);
    },
    reloadRefused(fields) {
      line.reloadRefused(fields);
    },
    stopping(fields) {
      line.stopping(fields);
    },
    stopped(fields) {
      line.stopped(fields);
    },
    keyRotated(fields) {
      line.keyRotated(fields);
    },
    certificateReloaded(fields) {
      line.certificateReloaded(fields);
    },
    certificateReloadFailed(fields) {
      line.certificateReloadFailed(fields);
    },
    certificateExpires(fields) {
      line.certificateExpires(fields);
    },
    dangerousSetting(fields) {
      line.dangerousSetting(fields);
    },
    fault(fields) {
      metrics.faults.inc();
      line.fault(fields);
    },
    refusalsSuppressed(fields) {
      metrics.linesSuppressed.inc(fields.lines);
      line.refusalsSuppressed(fields);
    },
  } satisfies Partial<AuditEvents>;
}
