// Scripts of token endpoints that hold to the RFCs as strictly as they may.

import { type Given, grant, newToken, oauthError, type Script } from './token-endpoint.ts';

/** RFC 9700 §4.14.2: each use gives a new refresh token and ends the old one; who uses an old one again ends them all. */
export function rotatingTokens(state: {
  live: string;
  readonly spent: Set<string>;
  given?: Map<string, Given>;
}): Script {
  return (asked) => {
    const used = asked.form.get('refresh_token') ?? '';
    if (state.spent.has(used)) state.live = newToken('nobody-has-');
    if (used !== state.live) return oauthError(400, 'invalid_grant', 'refresh token is not valid');
    state.spent.add(used);
    state.live = newToken('refresh-');
    return grant(
      'access-',
      state.given ?? new Map(),
      { mailbox: undefined, scope: '' },
      { expires_in: 3600, refresh_token: state.live },
    );
  };
}

/** RFC 8693 §2. */
export function exchangedTokens(
  userTokens: ReadonlyMap<string, string>,
  given = new Map<string, Given>(),
): Script {
  return ({ form }) => {
    const mailbox = userTokens.get(form.get('subject_token') ?? '');
    const isAsked =
      form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:token-exchange' &&
      form.get('subject_token_type') === 'urn:ietf:params:oauth:token-type:access_token';
    // §2.2.2: invalid_request where the subject token is not acceptable.
    if (!isAsked || mailbox === undefined)
      return oauthError(400, 'invalid_request', 'subject_token is not acceptable');
    const issued_token_type = 'urn:ietf:params:oauth:token-type:access_token';
    return grant(
      'exchanged-',
      given,
      { mailbox, scope: form.get('scope') ?? '' },
      { issued_token_type, expires_in: 60 },
    );
  };
}
