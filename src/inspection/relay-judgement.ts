// Owns the judgement on a round of open-relay probes: what was accepted, and whether that proves anything.

import { type Finding, ok, problem, warning } from './findings.ts';
import { isAccepted } from './relay-probes.ts';
import type { PortMode, RelayAttempt } from './report.ts';

export function judgeRelay(mode: PortMode, attempts: readonly RelayAttempt[]): Finding[] {
  const accepted = attempts.filter(isAccepted);
  const sure = accepted.filter(({ undecided }) => !undecided);
  const undecided = accepted.filter((attempt) => attempt.undecided);
  const putOff = attempts.filter(isPutOff);
  if (sure.length > 0) return [openRelay(sure, attempts.length)];
  const findings = [
    ...(undecided.length > 0 ? [takesAnything(mode, undecided)] : []),
    ...(putOff.length > 0 ? [undecidedYet(putOff)] : []),
  ];
  if (findings.length > 0) return findings;
  return [ok('relay', `no mail for strangers without signing in (${attempts.length} probes)`)];
}

function openRelay(accepted: readonly RelayAttempt[], tried: number): Finding {
  const [first] = accepted;
  return problem(
    'relay',
    `open relay: anybody can send mail to anybody through it; ${accepted.length} of ${tried} probes accepted (${namesOf(accepted)}), ` +
      `such as MAIL FROM:<${first?.sender}> RCPT TO:${first?.recipient}`,
    'Let it take mail for others from signed-in people alone. If it trusts this machine on purpose, check it from another network.',
  );
}

function takesAnything(mode: PortMode, attempts: readonly RelayAttempt[]): Finding {
  const names = namesOf(attempts);
  if (mode === 'relay') {
    return warning(
      'relay',
      `disguised recipients are accepted, but so is any mailbox of the server's own, so it is not known whether it relays: ${names}`,
      'Let it refuse mailboxes that do not exist; it sends bounces to strangers otherwise.',
    );
  }
  return warning(
    'relay',
    `recipients of the server's own, even ones that do not exist, are accepted without signing in: ${names}`,
    'RFC 6409 §4.3: refuse MAIL with 530 until the client has signed in.',
  );
}

function undecidedYet(attempts: readonly RelayAttempt[]): Finding {
  return warning(
    'relay',
    `some probes were put off and not refused (${attempts[0]?.reply}): ${namesOf(attempts)}`,
    'Greylisting perhaps: run the check again in some minutes.',
  );
}

/** A no for now. Postfix says 454 4.7.1 for a no for ever (defer_unauth_destination), others 4.7.x for policy. */
function isPutOff({ code, reply }: RelayAttempt): boolean {
  return code >= 400 && code < 500 && code !== 421 && !/^4\d\d 4\.7\./.test(reply);
}

const NAMED = 4;

function namesOf(attempts: readonly RelayAttempt[]): string {
  const names = attempts.map(({ disguise }) => disguise);
  const rest = names.length - NAMED;
  return rest > 0 ? `${names.slice(0, NAMED).join(', ')} and ${rest} more` : names.join(', ');
}
