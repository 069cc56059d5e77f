// A verifier that believes Postern's own issuer and one trusted issuer, with everything around it in memory and a clock that stands.

import type { Principal } from '../../src/principal.ts';
import { isRefusal, type Refusal } from '../../src/refusal.ts';
import type { Account } from '../../src/token/account.ts';
import { openKeyring } from '../../src/token/keys/keyring.ts';
import type { TokenSettings, TrustedIssuerSettings } from '../../src/token/settings.ts';
import { composeTokenId } from '../../src/token/token-id.ts';
import { createTokenVerifier } from '../../src/token/verifier.ts';
import { openRevocations } from '../../src/token/withdrawal/revocations.ts';
import {
  account,
  asTestKey,
  goodClaims,
  MAIL_SCOPE,
  memoryKeyStore,
  memoryRevocationStore,
  mintToken,
  TEST_AUDIENCE,
  type TestKey,
  type TokenClaims,
  testClock,
  testKey,
  tokenSettings,
  trustedIssuer,
} from './tokens.ts';

export const OWN_ISSUER = 'https://mail.example.org';
export const TRUSTED_ISSUER = 'https://idp.example.org';

export interface SituationOptions {
  readonly settings?: Partial<TokenSettings>;
  readonly trusted?: Partial<TrustedIssuerSettings>;
  /** Mail domains of people's addresses that count with Postern's own tokens; all where absent. */
  readonly domains?: readonly string[];
  /** Keys of the trusted issuer; one ES256 key where absent. */
  readonly keys?: TestKey[];
  /** What other addresses than that of the keys answer. */
  readonly answers?: Readonly<Record<string, (request: Request) => Response | Promise<Response>>>;
}

export async function verifierSituation(options: SituationOptions = {}) {
  const clock = testClock();
  const keys = options.keys ?? [testKey()];
  const keyStore = memoryKeyStore();
  const revocationStore = memoryRevocationStore();
  const accounts = new Map<string, Account>([['alice-id', account()]]);
  const lookUps: string[] = [];
  const jwksUri = `${TRUSTED_ISSUER}/keys`;
  const settings = tokenSettings({
    trustedIssuers: [trustedIssuer(TRUSTED_ISSUER, { jwksUri, ...options.trusted })],
    ...options.settings,
  });
  const keyring = await openKeyring({
    store: keyStore,
    settings: settings.signingKeys,
    maxTokenLifetime: 900_000,
    now: clock.now,
  });
  const revocations = await openRevocations({ store: revocationStore, now: clock.now });
  const fetched: string[] = [];
  const verifier = createTokenVerifier({
    settings,
    own: {
      issuer: OWN_ISSUER,
      keyring,
      domains: options.domains,
      accounts: {
        find: async (id) => {
          lookUps.push(id);
          return accounts.get(id);
        },
      },
      apps: new Map([['demo-app', ['app@example.org']]]),
    },
    revocations,
    now: clock.now,
    fetch: async (url, init) => {
      fetched.push(String(url));
      const answer = options.answers?.[String(url)];
      if (answer) return answer(new Request(url, init));
      return Response.json({ keys: keys.map((key) => key.publicJwk) });
    },
  });
  const ownKey = asTestKey(keyring.privateJwks().keys[0] ?? {});
  const ownClaims = (changes: TokenClaims = {}): TokenClaims => ({
    iss: OWN_ISSUER,
    sub: 'alice-id',
    aud: TEST_AUDIENCE,
    client_id: 'mail-program',
    scope: MAIL_SCOPE,
    iat: clock.now() / 1000,
    exp: clock.now() / 1000 + 900,
    jti: composeTokenId('grant-1'),
    ...changes,
  });
  const [trustedKey] = keys;
  if (!trustedKey) throw new Error('a situation needs a key');
  const trustedClaims = (changes: TokenClaims = {}) => goodClaims(TRUSTED_ISSUER, changes, clock.now());

  return {
    clock,
    verifier,
    keyring,
    keyStore,
    revocations,
    revocationStore,
    accounts,
    lookUps,
    fetched,
    ownKey,
    ownClaims,
    trustedKey,
    trustedClaims,
    /** A token of Postern's own. */
    mintOwn: (claims?: TokenClaims, header?: TokenClaims) => mintToken(ownKey, ownClaims(claims), header),
    /** A token of the trusted issuer. */
    mintTrusted: (claims?: TokenClaims, header?: TokenClaims) =>
      mintToken(trustedKey, trustedClaims(claims), header),
    /** Verifies, and takes it for a mistake of the test if the token is refused. */
    accept: async (token: string): Promise<Principal> => {
      const verdict = await verifier.verify(token);
      if (isRefusal(verdict)) throw new Error(`refused with ${verdict.code}: ${verdict.reason}`);
      return verdict;
    },
    /** Verifies, and takes it for a mistake of the test if the token is accepted. */
    refuse: async (token: string): Promise<Refusal> => {
      const verdict = await verifier.verify(token);
      if (!isRefusal(verdict)) throw new Error(`accepted as ${verdict.addresses.join(', ')}`);
      return verdict;
    },
    close: () => {
      verifier.close();
      keyring.close();
      revocations.close();
    },
  };
}

export type VerifierSituation = Awaited<ReturnType<typeof verifierSituation>>;
