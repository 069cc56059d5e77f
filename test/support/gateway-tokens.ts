// Access tokens by name, as the dialogues ask for them: good ones of several people, and one of each bad kind.

import { createHmac, createPublicKey } from 'node:crypto';
import type { Account } from '../../src/token/account.ts';
import { issuerMap } from '../../src/token/issuers/issuer-map.ts';
import { openKeyring } from '../../src/token/keys/keyring.ts';
import type { TrustedIssuerSettings } from '../../src/token/settings.ts';
import { composeTokenId } from '../../src/token/token-id.ts';
import { createTokenVerifier, type TokenVerifier } from '../../src/token/verifier.ts';
import { openRevocations, type Revocations } from '../../src/token/withdrawal/revocations.ts';
import {
  account,
  asTestKey,
  encodeJson,
  goodClaims,
  MAIL_SCOPE,
  memoryKeyStore,
  memoryRevocationStore,
  mintToken,
  TEST_AUDIENCE,
  TEST_TIME,
  type TestKey,
  type TokenClaims,
  testKey,
  tokenSettings,
  trustedIssuer,
} from './tokens.ts';

const OWN_ISSUER = 'https://mail.example.org';
const TRUSTED_ISSUER = 'https://idp.example.org';

export interface GatewayTokens {
  readonly verifier: TokenVerifier;
  readonly revocations: Revocations;
  /** A token of the named kind; throws where there is no such kind. */
  token(kind: string): Promise<string>;
  /** A good token of the trusted issuer, with claims changed as asked. */
  mint(changes: TokenClaims): string;
  /** Who is told to go where after a failed sign-in. */
  readonly challengeFor: ReturnType<typeof issuerMap>;
  /** Whether the trusted issuer's keys can be fetched. */
  setIssuerUp(up: boolean): void;
  close(): void;
}

/** How the trusted issuer is asked about live sessions, and what it answers to each question. */
export interface TestIntrospection {
  readonly settings: NonNullable<TrustedIssuerSettings['introspection']>;
  readonly answer: (request: Request) => Response | Promise<Response>;
  readonly onFailed?: (failure: { readonly issuer: string; readonly reason: string }) => void;
}

/** A real verifier with everything around it in memory: Postern's own issuer and one identity provider trusted directly. */
export async function createGatewayTokens(
  now: () => number,
  introspection?: TestIntrospection,
  trusted?: Partial<TrustedIssuerSettings>,
): Promise<GatewayTokens> {
  let issuerUp = true;
  const key = testKey();
  const settings = tokenSettings({
    trustedIssuers: [
      trustedIssuer(TRUSTED_ISSUER, {
        jwksUri: `${TRUSTED_ISSUER}/keys`,
        identity: { addresses: ['email', 'aliases'], requireVerified: true },
        ...(introspection && { introspection: introspection.settings }),
        ...trusted,
      }),
    ],
  });
  const keyring = await openKeyring({
    store: memoryKeyStore(),
    settings: settings.signingKeys,
    maxTokenLifetime: 900_000,
    now,
  });
  const revocations = await openRevocations({ store: memoryRevocationStore(), now });
  const accounts = new Map<string, Account>([
    ['alice-id', account()],
    ['carol-id', account({ id: 'carol-id', addresses: ['carol@example.org'], disabled: true })],
  ]);
  const verifier = createTokenVerifier({
    settings,
    own: {
      issuer: OWN_ISSUER,
      keyring,
      accounts: { find: async (id) => accounts.get(id) },
      apps: new Map([['demo-app', ['app@example.org']]]),
    },
    revocations,
    now,
    ...(introspection?.onFailed && { onRecheckFailed: introspection.onFailed }),
    fetch: async (url, init) => {
      if (introspection && url === introspection.settings.endpoint)
        return introspection.answer(new Request(url, init));
      if (!issuerUp) throw new TypeError('fetch failed');
      return Response.json({ keys: [key.publicJwk] });
    },
  });
  const ownKey = asTestKey(keyring.privateJwks().keys[0] ?? {});
  const kinds: Record<string, () => string | Promise<string>> = {
    ...trustedKinds(key, now),
    ...ownKinds(ownKey, now),
    revoked: async () => {
      const claims = ownClaims(now);
      await revocations.revoke({
        kind: 'token',
        id: String(claims['jti']),
        expiresAt: Number(claims['exp']),
      });
      return mintToken(ownKey, claims);
    },
  };

  return {
    verifier,
    revocations,
    async token(kind) {
      if (kind === '') return '';
      const make = kinds[kind];
      if (!make) throw new Error(`no such kind of token: ${kind}`);
      return await make();
    },
    mint: (changes) => mintToken(key, goodClaims(TRUSTED_ISSUER, changes, now())),
    challengeFor: issuerMap(settings.trustedIssuers),
    setIssuerUp(up) {
      issuerUp = up;
    },
    close() {
      verifier.close();
      keyring.close();
      revocations.close();
    },
  };
}

function trustedKinds(key: TestKey, now: () => number): Record<string, () => string> {
  const seconds = () => Math.floor(now() / 1000);
  let count = 0;
  const claims = (changes: TokenClaims = {}, issuer = TRUSTED_ISSUER) =>
    goodClaims(issuer, { jti: `token-${++count}`, ...changes }, now());
  const mint = (changes: TokenClaims = {}, header: TokenClaims = {}) =>
    mintToken(key, claims(changes), header);
  const foreign = testKey('ES256', 'foreign');
  return {
    good: () => mint(),
    bob: () => mint({ sub: 'bob', email: 'bob@example.org' }),
    'two-addresses': () => mint({ aliases: ['postmaster@example.org'] }),
    expired: () => mint({ iat: seconds() - 4500, exp: seconds() - 3600 }),
    'not-yet-valid': () => mint({ nbf: seconds() + 3600, exp: seconds() + 7200 }),
    'wrong-audience': () => mint({ aud: 'https://calendar.example.org' }),
    'wrong-issuer': () => mintToken(foreign, claims({}, 'https://idp.attacker.example')),
    unsigned: () => `${encodeJson({ alg: 'none', typ: 'at+jwt', kid: key.kid })}.${encodeJson(claims())}.`,
    'hmac-with-public-key': () => hmacToken(key, claims()),
    'foreign-key': () => mintToken(foreign, claims()),
    'bad-signature': () => otherContent(mint(), claims({ sub: 'bob', email: 'bob@example.org' })),
    'embedded-key': () => mintToken(foreign, claims(), { kid: key.kid, jwk: foreign.publicJwk }),
    'critical-header': () => mint({}, { crit: ['future'], future: 1 }),
    garbage: () => 'this-is-no-token-but-it-is-nobodys-business-0123456789',
    truncated: () => mint().slice(0, -22),
    'id-token': () => mint({ nonce: 'n-0S6_WzA2Mj' }, { typ: 'JWT' }),
    'missing-scope': () => mint({ scope: 'openid calendar' }),
    'dpop-bound': () => mint({ cnf: { jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' } }),
    'unverified-address': () => mint({ email_verified: false }),
    'no-address': () => mint({ email: undefined }),
  };
}

function ownKinds(key: TestKey, now: () => number): Record<string, () => string> {
  return {
    own: () => mintToken(key, ownClaims(now)),
    // Issued when the clock stood at its beginning.
    'own-old': () =>
      mintToken(
        key,
        ownClaims(() => TEST_TIME),
      ),
    app: () => mintToken(key, ownClaims(now, { sub: 'demo-app', client_id: 'demo-app' })),
    'disabled-account': () => mintToken(key, ownClaims(now, { sub: 'carol-id' })),
  };
}

function ownClaims(now: () => number, changes: TokenClaims = {}): TokenClaims {
  const seconds = Math.floor(now() / 1000);
  return {
    iss: OWN_ISSUER,
    sub: 'alice-id',
    aud: TEST_AUDIENCE,
    client_id: 'mail-program',
    scope: MAIL_SCOPE,
    iat: seconds,
    exp: seconds + 900,
    jti: composeTokenId('grant-1'),
    ...changes,
  };
}

// RFC 8725 §2.1: a verifier that takes the algorithm from the token would use the public key as an HMAC secret.
function hmacToken(key: TestKey, claims: TokenClaims): string {
  const pem = createPublicKey(key.privateKey).export({ type: 'spki', format: 'pem' });
  const input = `${encodeJson({ alg: 'HS256', typ: 'at+jwt', kid: key.kid })}.${encodeJson(claims)}`;
  return `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`;
}

function otherContent(token: string, claims: TokenClaims): string {
  const [header = '', , signature = ''] = token.split('.');
  return `${header}.${encodeJson(claims)}.${signature}`;
}
