// The access tokens with which Postern signs in at one upstream, by whichever grant its settings name.

import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import type { TokenSource } from '../../relay/login/token-source.ts';
import { createGrant, serviceAccountOf, type Wanted } from './grants.ts';
import type { UpstreamOAuthSettings } from './settings.ts';
import { createTokenCache } from './token-cache.ts';
import { createTokenEndpoint } from './token-endpoint.ts';

/** Tokens held at once; those used longest ago go first. */
const MAX_TOKENS = 10_000;

/**
 * For checked settings; throws where a key cannot be used. Nothing is fetched before the first token is wanted, so that
 * Postern starts while the token endpoint is down.
 */
export function createUpstreamTokens(options: {
  readonly settings: UpstreamOAuthSettings;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Sends the requests; the global fetch where absent. */
  readonly fetch?: typeof fetch;
  /** Tokens held at most. */
  readonly maxTokens?: number;
  /** Told of what goes wrong while tokens are to be had all the same: a renewal too early to matter, a file not written. */
  readonly report?: (refusal: Refusal) => void;
}): TokenSource {
  const { settings, now = Date.now, maxTokens = MAX_TOKENS, report = () => undefined } = options;
  if (settings.grant === 'pass-through') return PASS_THROUGH;
  const endpoint = createTokenEndpoint({
    settings,
    address: serviceAccountOf(settings)?.tokenUri,
    now,
    fetch: options.fetch,
  });
  const grant = createGrant({ settings, endpoint, now, report });
  const cache = createTokenCache<Wanted>({
    fetchToken: (wanted) => grant.fetchToken(wanted),
    patience: settings.timeout,
    maxTokens,
    now,
    report,
  });
  let isClosed = false;
  return {
    async token({ mailbox, userToken, refused }) {
      if (isClosed) return refuse('upstream-unavailable', 'Postern signs in at this upstream no more');
      const key = grant.keyOf({ mailbox, userToken });
      return isRefusal(key) ? key : cache.get(key, { mailbox, userToken }, refused);
    },
    close() {
      // What is under way ends by its own time limit: a refresh token that comes back must still reach its file.
      isClosed = true;
      cache.clear();
    },
  };
}

const PASS_THROUGH: TokenSource = {
  async token({ userToken, refused }) {
    if (userToken === undefined) {
      return refuse('upstream-login', 'the client has not signed in with a token that could be passed on');
    }
    if (refused !== undefined && refused.reveal() === userToken.reveal()) {
      return refuse('upstream-login', 'the upstream refuses the user’s own token; does it trust its issuer?');
    }
    return userToken;
  },
  close: () => undefined,
};
