// Checks of times and sizes: each in sane bounds, and those that depend on each other in the right order.

import { settingAt } from '../schema.ts';
import type { CheckInput } from './check.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A timer of Node runs at once instead of late when it is set for longer than 2^31 - 1 ms. */
const LONGEST_TIMER = 24 * DAY;

/** A time that must lie between two others, in milliseconds. */
interface Bound {
  readonly path: string;
  readonly least: number;
  readonly most: number;
}

const TIMERS = [
  'submission.loginTimeout',
  'submission.idleTimeout',
  'submission.maxTransaction',
  'submission.maxSession',
  'submission.drainTimeout',
  'token.jwks.refreshInterval',
  'token.jwks.cooldown',
  'token.jwks.timeout',
  'authorization.identityProvider.timeout',
];

export const BOUNDS: readonly Bound[] = [
  ...TIMERS.map((path) => ({ path, least: 1, most: LONGEST_TIMER })),
  { path: 'authorization.accessTokenLifetime', least: 10 * SECOND, most: DAY },
  { path: 'authorization.refreshTokenLifetime', least: HOUR, most: 3650 * DAY },
  // RFC 9700 §4.14.2: the longer it is, the later a stolen one is found out.
  { path: 'authorization.refreshTokenGrace', least: 0, most: MINUTE },
  { path: 'authorization.grantLifetime', least: HOUR, most: 3650 * DAY },
  { path: 'authorization.sessionLifetime', least: MINUTE, most: 365 * DAY },
  // RFC 8628 §5.1: the longer codes live, the more of them there are to guess.
  { path: 'authorization.deviceGrant.codeLifetime', least: MINUTE, most: HOUR },
  { path: 'authorization.deviceGrant.interval', least: SECOND, most: MINUTE },
  { path: 'token.signingKeys.rotateEvery', least: HOUR, most: 3650 * DAY },
  { path: 'token.leeway', least: 0, most: 10 * MINUTE },
];

export function checkBound({ path, least, most }: Bound): (input: CheckInput) => void {
  return ({ settings, findings }) => {
    const fault = outOfBounds(Number(settingAt(settings, path)), { least, most });
    if (fault !== undefined) findings.fault(path.split('.'), fault);
  };
}

/** What is wrong with a time that some timer is set to. */
export function faultOfTimer(milliseconds: number): string | undefined {
  return outOfBounds(milliseconds, { least: 1, most: LONGEST_TIMER });
}

function outOfBounds(value: number, { least, most }: Omit<Bound, 'path'>): string | undefined {
  if (value >= least && value <= most) return undefined;
  return `must be from ${spellTime(least)} to ${spellTime(most)}`;
}

export function checkTokenLifetimes({ settings, findings }: CheckInput): void {
  const { accessTokenLifetime, refreshTokenLifetime } = settings.authorization;
  if (refreshTokenLifetime < accessTokenLifetime) {
    findings.fault(
      ['authorization', 'refreshTokenLifetime'],
      'is shorter than accessTokenLifetime; a refresh token would never be of use',
    );
  }
  if (accessTokenLifetime > HOUR) {
    findings.danger(
      ['authorization', 'accessTokenLifetime'],
      'is longer than an hour: a stolen token works that long',
    );
  }
}

export function checkKeyRotation({ settings, findings }: CheckInput): void {
  const { publishAhead, rotateEvery } = settings.token.signingKeys;
  if (publishAhead < rotateEvery) return;
  findings.fault(
    ['token', 'signingKeys', 'publishAhead'],
    'must be shorter than rotateEvery; else a key would be replaced before it ever signed',
  );
}

export function checkSizes({ settings, findings }: CheckInput): void {
  const { maxHeaderBytes, maxMessageBytes } = settings.submission;
  if (maxHeaderBytes <= maxMessageBytes) return;
  findings.fault(
    ['submission', 'maxHeaderBytes'],
    `is larger than maxMessageBytes (${maxHeaderBytes} against ${maxMessageBytes})`,
  );
}

function spellTime(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  if (milliseconds % SECOND !== 0) return `${milliseconds}ms`;
  if (milliseconds % DAY === 0) return `${milliseconds / DAY}d`;
  if (milliseconds % HOUR === 0) return `${milliseconds / HOUR}h`;
  if (milliseconds % MINUTE === 0) return `${milliseconds / MINUTE}m`;
  return `${milliseconds / SECOND}s`;
}
