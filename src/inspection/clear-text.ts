// Owns what a server does before TLS: whether it offers a sign-in there, takes one, or takes mail.

import type { Capabilities } from './capabilities.ts';
import {
  type FailedSignIn,
  failToSignIn,
  judgeOffer,
  type OfferOverTime,
  watchOffer,
} from './failed-sign-in.ts';
import { type Finding, ok, problem, warning } from './findings.ts';
import { spell } from './reply.ts';
import { greet, type Visit } from './visit.ts';

export interface ClearTextAnswers {
  /** What EHLO offered in clear text. */
  readonly offered: readonly string[];
  readonly attempts: readonly FailedSignIn[];
  readonly offer: OfferOverTime;
}

/** A server closes the connection after some failures, and rightly so. */
const MAX_ATTEMPTS = 3;

/** @param inside what is offered inside TLS: those mechanisms exist, and may be taken before as well */
export async function probeClearText(visit: Visit, inside: Capabilities): Promise<ClearTextAnswers> {
  const { dialogue, capabilities } = await greet(visit, 'a sign-in without TLS');
  try {
    const candidates = [...new Set([...capabilities.mechanisms, 'PLAIN', ...inside.mechanisms])];
    const attempts: FailedSignIn[] = [];
    for (const mechanism of candidates.slice(0, MAX_ATTEMPTS)) {
      const attempt = await failToSignIn(dialogue, mechanism);
      attempts.push(attempt);
      if (attempt.reply === undefined) break;
    }
    return { offered: capabilities.mechanisms, attempts, offer: await watchOffer(dialogue, capabilities) };
  } finally {
    await dialogue.quit();
  }
}

export function judgeClearText({ offered, attempts, offer }: ClearTextAnswers): Finding[] {
  const findings = [...judgeAttempts(attempts), judgeOffer(offer, 'without TLS')];
  if (offered.length === 0) return findings;
  return [
    problem(
      'login-in-clear',
      `sign-in is offered without TLS (${offered.join(', ')}): clients send their credential readable`,
      'Offer AUTH only inside TLS (Postfix: smtpd_tls_auth_only = yes).',
    ),
    ...findings,
  ];
}

function judgeAttempts(attempts: readonly FailedSignIn[]): Finding[] {
  const accepted = attempts.find((attempt) => wasLookedAt(attempt));
  if (accepted) {
    return [
      problem(
        'login-in-clear',
        `a credential is taken without TLS: AUTH ${accepted.mechanism} got ${answerOf(accepted)}`,
        'Refuse AUTH before TLS with 538 or 530, whatever the credential.',
      ),
    ];
  }
  const unclear = attempts.find(({ reply }) => reply !== undefined && !isRefusal(reply.code));
  if (unclear) {
    return [
      warning(
        'login-in-clear',
        `it is not clear whether a credential is taken without TLS: AUTH ${unclear.mechanism} got ${answerOf(unclear)}`,
        'Refuse AUTH before TLS with 538 or 530.',
      ),
    ];
  }
  return [ok('login-in-clear', 'no credential is taken without TLS')];
}

/** Right or wrong, it was read: a passer-by has it too. 334 asks for more of it (RFC 4954 §4, §6). */
function wasLookedAt({ challenge, reply }: FailedSignIn): boolean {
  return challenge !== undefined || [235, 432, 525, 534, 535].includes(reply?.code ?? 0);
}

/** 538 and 530 say what is missing; 500 to 504, 523, 550 and 554 are said by those who do not know AUTH here. */
function isRefusal(code: number): boolean {
  return code === 421 || (code >= 500 && code !== 501);
}

function answerOf({ challenge, reply }: FailedSignIn): string {
  if (challenge !== undefined) return '334';
  return reply === undefined ? 'no answer' : spell(reply);
}
