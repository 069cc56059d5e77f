// Owns the SASL messages that are sent to a server under inspection, and what its failure challenge says.

import { type Finding, ok, problem, warning } from './findings.ts';

/** Nobody's: what is tried where no credential must count. A bearer token of RFC 6750 §2.1 as to its form. */
const MADE_UP_TOKEN = 'postern-check-made-up-token';
const MADE_UP_USER = 'postern-check@example.com';

/** The initial response with a made-up credential; undefined where the server speaks first. */
export function madeUpResponse(mechanism: string): string | undefined {
  if (mechanism === 'PLAIN') return base64(`\0${MADE_UP_USER}\0postern-check`);
  if (mechanism === 'OAUTHBEARER' || mechanism === 'XOAUTH2')
    return bearerResponse({ mechanism, user: MADE_UP_USER, token: MADE_UP_TOKEN });
  return undefined;
}

/** RFC 7628 §3.1, and Google's XOAUTH2. */
export function bearerResponse(given: {
  mechanism: 'OAUTHBEARER' | 'XOAUTH2';
  user: string | undefined;
  token: string;
}): string {
  const { mechanism, user, token } = given;
  if (mechanism === 'XOAUTH2') return base64(`user=${user ?? ''}\x01auth=Bearer ${token}\x01\x01`);
  // RFC 5801 §4: `=` and `,` would end the name.
  const name = user === undefined ? '' : `a=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')}`;
  return base64(`n,${name},\x01auth=Bearer ${token}\x01\x01`);
}

/** What ends an exchange that the server answered with a failure challenge (RFC 7628 §3.2.3; XOAUTH2: an empty line). */
export function endOfExchange(mechanism: string): string {
  return mechanism === 'OAUTHBEARER' ? base64('\x01') : '';
}

export interface FailureChallenge {
  readonly status: string | undefined;
  readonly openidConfiguration: string | undefined;
}

/** Undefined where it is not the JSON of RFC 7628 §3.2.2. */
export function readChallenge(text: string): FailureChallenge | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, 'base64').toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { status, 'openid-configuration': where } = value as Record<string, unknown>;
  return { status: short(status), openidConfiguration: short(where) };
}

/** The challenge that a bad token gets: how a client learns where to sign in. */
export function judgeChallenge(text: string): Finding[] {
  const challenge = readChallenge(text);
  if (challenge?.status === undefined) {
    return [
      warning(
        'bad-token',
        'a bad token gets a challenge without the JSON that says why (RFC 7628 §3.2.2)',
        'Clients cannot tell an expired token from a wrong one; let the server send `status`.',
      ),
    ];
  }
  const { status, openidConfiguration: where } = challenge;
  if (where === undefined) {
    return [
      warning(
        'bad-token',
        `a bad token gets status ${status}, but not where to sign in`,
        'Let the challenge name openid-configuration, so that clients find the OAuth server by themselves.',
      ),
    ];
  }
  if (!isSafeAddress(where)) {
    return [
      problem(
        'bad-token',
        `clients are sent to sign in at ${where}, which is not https`,
        'Let openid-configuration be an https address (RFC 7628 §3.2.2).',
      ),
    ];
  }
  return [ok('bad-token', `a bad token gets status ${status} and is sent to sign in at ${where}`)];
}

/** https; without TLS only where nothing leaves the machine. */
function isSafeAddress(text: string): boolean {
  const url = URL.parse(text);
  if (url === null) return false;
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLocal);
}

function short(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, 500) : undefined;
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
