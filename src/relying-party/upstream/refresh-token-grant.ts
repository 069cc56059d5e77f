// Owns the refresh token grant (RFC 6749 §6): spends the token of the file, and puts a new one there before anything is used.

import { type Refusal, refuse } from '../../refusal.ts';
import type { Grant, GrantOptions } from './grants.ts';
import { openRefreshTokenFile, type RefreshTokenFile } from './refresh-token-file.ts';
import type { Granted, TokenEndpoint } from './token-endpoint.ts';
import { type Failed, isFailed, unusable } from './token-failure.ts';

export function createRefreshTokenGrant(
  { settings, endpoint, report }: GrantOptions,
  parameters: Readonly<Record<string, string>>,
): Grant {
  const path = settings.refreshTokenFile;
  if (path === undefined) throw new Error('oauth: refreshTokenFile is missing');
  const file = openRefreshTokenFile(path);

  return {
    keyOf: () => '',
    fetchToken: () =>
      file.alone(async () => {
        const first = await readToken(file, path);
        if (typeof first !== 'string') return first;
        const result = await spend(endpoint, first, parameters);
        if (!isFailed(result)) return keep(result, first);
        // Somebody may have put a new token there meanwhile: an administrator, or another process.
        const second = result.oauthError === 'invalid_grant' ? await readToken(file, path) : first;
        if (typeof second !== 'string' || second === first) return withAdvice(result, path);
        const again = await spend(endpoint, second, parameters);
        return isFailed(again) ? withAdvice(again, path) : keep(again, second);
      }),
  };

  async function keep(granted: Granted, spent: string): Promise<Granted> {
    const { refreshToken } = granted;
    if (refreshToken === undefined || refreshToken === spent) return granted;
    const error = await file.replace(refreshToken);
    if (error !== undefined) report(notKept(path ?? '', error));
    return granted;
  }
}

async function readToken(file: RefreshTokenFile, path: string): Promise<string | Failed> {
  try {
    const token = await file.current();
    // RFC 6749 appendix A.17.
    if (/^[\x20-\x7e]{1,16384}$/.test(token)) return token;
    return {
      ...unusable(`refreshTokenFile ${path} holds no refresh token on a line of its own`),
      pause: 5_000,
    };
  } catch (error) {
    return { ...unusable(`refreshTokenFile ${path} cannot be read (${codeOf(error)})`), pause: 5_000 };
  }
}

function spend(
  endpoint: TokenEndpoint,
  refreshToken: string,
  parameters: Readonly<Record<string, string>>,
): Promise<Granted | Failed> {
  return endpoint.request(async () => ({
    grantType: 'refresh_token',
    parameters: { ...parameters, refresh_token: refreshToken },
    secrets: [refreshToken],
  }));
}

/**
 * Where a server ends a refresh token with its use, a machine that dies between its answer and {@link RefreshTokenFile.replace} has
 * lost the new one, and nothing but a new consent brings another.
 */
function withAdvice(failed: Failed, path: string): Failed {
  if (failed.oauthError !== 'invalid_grant') return failed;
  const advice = `the refresh token in ${path} has expired or was revoked, or it was used just before this machine died and its successor is lost; put a new one there, from a new consent of the account’s owner`;
  return { ...failed, refusal: refuse(failed.refusal.code, `${failed.refusal.reason}; ${advice}`) };
}

function notKept(path: string, error: Error): Refusal {
  return refuse(
    'upstream-login',
    `refreshTokenFile ${path} cannot be replaced (${codeOf(error)}): the new refresh token is held in memory only and lost at the next stop; make its folder writable for Postern`,
  );
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
