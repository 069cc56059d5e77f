// Owns a stand-in for the organisation's identity provider, at the level of what the relying party tells.

import { randomBytes } from 'node:crypto';
import { refuse } from '../../src/refusal.ts';
import type { RelyingParty } from '../../src/relying-party/identity-provider.ts';

export const IDENTITY_PROVIDER = 'https://login.example.org';

export type Claims = Record<string, unknown>;

export interface FakeIdentityProvider extends RelyingParty {
  /** Who signs in next; undefined: the person cancels. */
  person: Claims | undefined;
  isDown: boolean;
  /** What `finish` refuses with. */
  refusal: ReturnType<typeof refuse> | undefined;
  readonly hints: (string | undefined)[];
  /** How often an answer was checked. */
  finished: number;
}

export const ALICE: Claims = {
  sub: 'alice-1',
  email: 'alice@example.org',
  email_verified: true,
  name: 'Alice Example',
};
export const BOB: Claims = { sub: 'bob-2', email: 'bob@example.org', email_verified: true };

export function fakeIdentityProvider(redirectUri: string): FakeIdentityProvider {
  const saved = new Set<string>();
  const fake: FakeIdentityProvider = {
    person: ALICE,
    isDown: false,
    refusal: undefined,
    hints: [],
    finished: 0,
    async start({ loginHint }) {
      if (fake.isDown) return refuse('issuer-unavailable', 'connection refused');
      fake.hints.push(loginHint);
      const state = randomBytes(16).toString('base64url');
      saved.add(state);
      const url = new URL(`${IDENTITY_PROVIDER}/authorize`);
      url.searchParams.set('state', state);
      url.searchParams.set('redirect_uri', redirectUri);
      return { url, state, saved: JSON.stringify({ state }) };
    },
    async finish({ callbackUrl, saved: text }) {
      fake.finished += 1;
      const { state } = JSON.parse(text) as { state: string };
      if (callbackUrl.searchParams.get('state') !== state || !saved.delete(state)) {
        return refuse('token-identity', 'the state is not the one that was saved');
      }
      if (fake.isDown) return refuse('issuer-unavailable', 'connection refused');
      if (fake.refusal !== undefined) return fake.refusal;
      if (fake.person === undefined) return { denied: true };
      const { sid } = fake.person;
      return {
        issuer: IDENTITY_PROVIDER,
        subject: String(fake.person['sub']),
        claims: fake.person,
        ...(typeof sid === 'string' ? { sessionId: sid } : {}),
      };
    },
    async ready() {
      return !fake.isDown;
    },
    endSessionUrl: () => undefined,
  };
  return fake;
}
