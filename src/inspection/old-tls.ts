// Owns the question whether TLS 1.0 and 1.1 are still taken: a handshake for each that offers nothing else.

import type { SecureVersion } from 'node:tls';
import { DialogueFault } from './fault.ts';
import { type Finding, ok, problem, warning } from './findings.ts';
import type { PortMode } from './report.ts';
import { handshakeOptions, openBeforeTls, type Visit } from './visit.ts';

const OLD: readonly SecureVersion[] = ['TLSv1', 'TLSv1.1'];

export interface OldVersionAnswer {
  readonly version: SecureVersion;
  readonly outcome: 'taken' | 'refused' | 'untried';
}

export async function probeOldTls(visit: Visit): Promise<OldVersionAnswer[]> {
  const answers: OldVersionAnswer[] = [];
  for (const version of OLD) answers.push({ version, outcome: await tryVersion(visit, version) });
  return answers;
}

export function judgeOldTls(mode: PortMode, answers: readonly OldVersionAnswer[]): Finding[] {
  const named = (outcome: OldVersionAnswer['outcome']): string =>
    answers
      .filter((answer) => answer.outcome === outcome)
      .map(({ version }) => version)
      .join(' and ');
  const [taken, untried] = [named('taken'), named('untried')];
  if (taken === '' && untried === '') return [ok('tls-old-versions', `${named('refused')} are refused`)];
  return [...(taken === '' ? [] : [stillTaken(mode, taken)]), ...(untried === '' ? [] : [notTried(untried)])];
}

function stillTaken(mode: PortMode, versions: string): Finding {
  if (mode === 'relay') {
    return warning(
      'tls-old-versions',
      `${versions} still taken (RFC 8996): better than clear text for old servers, but it can be broken`,
      'Set the minimum to TLS 1.2, where no old server matters to you (Postfix: smtpd_tls_protocols = >=TLSv1.2).',
    );
  }
  return problem(
    'tls-old-versions',
    `${versions} still taken (RFC 8996 forbids it): an attacker can push clients down to it`,
    'Set the minimum to TLS 1.2.',
  );
}

function notTried(versions: string): Finding {
  return warning(
    'tls-old-versions',
    `${versions} could not be tried: this machine's OpenSSL refuses to speak it itself`,
    'Run the check on a machine whose OpenSSL still can.',
  );
}

async function tryVersion(visit: Visit, onlyVersion: SecureVersion): Promise<OldVersionAnswer['outcome']> {
  const dialogue = await openBeforeTls(visit, `is ${onlyVersion} taken`);
  try {
    await dialogue.handshake({ ...handshakeOptions(visit), onlyVersion });
    return 'taken';
  } catch (error) {
    const kind = error instanceof DialogueFault ? error.kind : undefined;
    if (kind === 'untried') return 'untried';
    if (kind === 'handshake' || kind === 'closed') return 'refused';
    throw error;
  } finally {
    dialogue.close();
  }
}
