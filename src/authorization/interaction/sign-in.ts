// Owns the sign-in at the identity provider: from sending the browser there to knowing whose account it is.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import { type Denied, isDenied, type RelyingParty } from '../../relying-party/identity-provider.ts';
import type { Account } from '../../token/account.ts';
import { checkRequirements } from '../../token/checks/claims.ts';
import { addressesFromClaims, groupsFromClaims } from '../../token/issuers/identity.ts';
import type { IdentityClaims } from '../../token/settings.ts';
import type { IdentityProviderSettings } from '../settings.ts';
import type { AccountStore, ArtifactStore } from '../stores.ts';

/** Where the identity provider sends the browser back to; registered there as Postern's redirect URI. */
export const CALLBACK_PATH = '/sign-in/callback';

/** The redirect URI to register at the identity provider. */
export function signInRedirectUri(issuer: string): string {
  return new URL(CALLBACK_PATH, issuer).href;
}

const MODEL = 'SignIn';
/** Seconds for signing in over there. */
const LIFETIME = 900;

export interface SignIn {
  /** Begins one for an interaction and binds it to the browser. Refuses with `issuer-unavailable`. */
  start(request: {
    readonly interaction: string;
    readonly browser: string;
    readonly loginHint: string | undefined;
  }): Promise<URL | Refusal>;
  /** Finds the sign-in an answer belongs to; refuses where it is unknown, used, too old, or another browser's. */
  take(answer: {
    readonly state: string | undefined;
    readonly browser: string | undefined;
  }): Promise<Taken | Refusal>;
  /** Asks the identity provider who it is, and brings the account up to date. */
  finish(answer: {
    readonly taken: Taken;
    readonly callbackUrl: URL;
  }): Promise<SignedInAccount | Denied | SignInFailure>;
}

export interface SignedInAccount {
  readonly account: Account;
  /** `sid` of the session there; undefined where the identity provider names none. */
  readonly sessionId: string | undefined;
}

export interface SignInFailure {
  readonly failed: 'unavailable' | 'refused' | 'not-allowed' | 'no-address' | 'foreign-address';
  readonly refusal: Refusal;
}

export function isSignInFailure(value: object): value is SignInFailure {
  return 'failed' in value;
}

export interface Taken {
  readonly interaction: string;
  readonly saved: string;
}

export function createSignIn(options: {
  readonly artifacts: ArtifactStore;
  readonly accounts: AccountStore;
  readonly identityProvider: RelyingParty;
  readonly identity: IdentityClaims;
  /** Mail domains whose people may sign in; absent: all. */
  readonly domains?: readonly string[] | undefined;
  /** Claims a person must have. */
  readonly require?: IdentityProviderSettings['require'] | undefined;
}): SignIn {
  const { artifacts, accounts, identityProvider, identity, domains, require = [] } = options;
  return {
    async start({ interaction, browser, loginHint }) {
      // Notices an identity provider that went away: better a page of ours than a browser that cannot connect.
      await identityProvider.ready();
      const started = await identityProvider.start({ loginHint });
      if (isRefusal(started)) return started;
      const kept: Kept = { interaction, saved: started.saved, browser: digest(browser) };
      await artifacts.put(MODEL, digest(started.state), {
        payload: JSON.stringify(kept),
        grantId: undefined,
        uid: undefined,
        userCode: undefined,
        expiresAt: seconds() + LIFETIME,
      });
      return started.url;
    },

    async take({ state, browser }) {
      if (state === undefined) return refuse('session-expired', 'the answer of the sign-in has no state');
      const id = digest(state);
      const artifact = await artifacts.find(MODEL, id, seconds());
      if (artifact === undefined)
        return refuse('session-expired', 'the state of the sign-in is unknown or too old');
      const kept = JSON.parse(artifact.payload) as Kept;
      // An attacker who signs in and hands on the answer would have the victim use the attacker's account (RFC 9700 §4.7).
      if (browser === undefined || !isSame(kept.browser, digest(browser))) {
        return refuse('session-expired', 'the sign-in was begun in another browser, or cookies are off');
      }
      if (!(await artifacts.consume(MODEL, id, seconds()))) {
        return refuse('session-expired', 'the answer of the sign-in was used already');
      }
      return { interaction: kept.interaction, saved: kept.saved };
    },

    async finish({ taken, callbackUrl }) {
      const person = await identityProvider.finish({ callbackUrl, saved: taken.saved });
      if (isDenied(person)) return person;
      if (isRefusal(person)) {
        const isAway = person.code === 'issuer-unavailable';
        return { failed: isAway ? 'unavailable' : 'refused', refusal: person };
      }
      const unmet = checkRequirements(person.claims, { requirements: require });
      if (unmet) return { failed: 'not-allowed', refusal: unmet };
      const addresses = addressesFromClaims(person.claims, identity, domains);
      if (isRefusal(addresses)) {
        const isForeign = !isRefusal(addressesFromClaims(person.claims, identity));
        return { failed: isForeign ? 'foreign-address' : 'no-address', refusal: addresses };
      }
      const { name } = person.claims;
      const account = await accounts.upsert(
        {
          idpIssuer: person.issuer,
          idpSubject: person.subject,
          addresses,
          groups: groupsFromClaims(person.claims, identity),
          name: typeof name === 'string' ? name.slice(0, 200) : undefined,
          updatedAt: seconds(),
        },
        newAccountId(),
      );
      return { account, sessionId: person.sessionId };
    },
  };
}

interface Kept extends Taken {
  /** Digest of the browser's cookie. */
  readonly browser: string;
}

// `sub` stands in every token, and some mail clients take short ones only: 96 random bits are enough for an account.
function newAccountId(): string {
  return randomBytes(12).toString('base64url');
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

function isSame(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}
