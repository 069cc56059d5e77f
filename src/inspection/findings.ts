// Owns what a finding is: which check, how bad, what it means, what to do.

export type Level = 'ok' | 'warning' | 'problem';

/** Stable names: programs that read the JSON go by them. */
export type CheckName =
  | 'reached'
  | 'greeting'
  | 'time-limit'
  | 'starttls'
  | 'starttls-injection'
  | 'tls-version'
  | 'tls-old-versions'
  | 'tls-cipher'
  | 'certificate-trust'
  | 'certificate-name'
  | 'certificate-expiry'
  | 'certificate-key'
  | 'certificate-signature'
  | 'xclient'
  | 'mechanisms'
  | 'password-mechanisms'
  | 'login-in-clear'
  | 'mechanisms-after-failure'
  | 'bad-token'
  | 'relay'
  | 'signed-in'
  | 'dns'
  | 'spf'
  | 'spf-host'
  | 'dkim'
  | 'dmarc'
  | 'srv'
  | 'autoconfiguration';

export interface Finding {
  readonly check: CheckName;
  readonly level: Level;
  /** What was found and what it means, in one line. */
  readonly means: string;
  /** What to do about it; there for everything that is not `ok`. */
  readonly advice?: string;
}

export function ok(check: CheckName, means: string): Finding {
  return { check, level: 'ok', means };
}

export function warning(check: CheckName, means: string, advice: string): Finding {
  return { check, level: 'warning', means, advice };
}

export function problem(check: CheckName, means: string, advice: string): Finding {
  return { check, level: 'problem', means, advice };
}

export function countLevels(findings: readonly Finding[]): Record<Level, number> {
  const counts = { ok: 0, warning: 0, problem: 0 };
  for (const { level } of findings) counts[level] += 1;
  return counts;
}

export function worstLevel({ warning, problem }: Record<Level, number>): Level {
  if (problem > 0) return 'problem';
  return warning > 0 ? 'warning' : 'ok';
}
