// Tokens, keys, settings and stores for tests: good ones by default, bad in exactly the way a test asks for.

import { createPrivateKey, generateKeyPairSync, type JsonWebKey, type KeyObject, sign } from 'node:crypto';
import { Secret } from '../../src/setting.ts';
import type { Account } from '../../src/token/account.ts';
import type { KeyStore, StoredKey } from '../../src/token/keys/key-store.ts';
import type { TokenSettings, TrustedIssuerSettings } from '../../src/token/settings.ts';
import type {
  KeptRevocation,
  Revocation,
  RevocationStore,
} from '../../src/token/withdrawal/revocation-store.ts';

export type TestAlgorithm = 'ES256' | 'ES384' | 'ES512' | 'RS256' | 'PS256' | 'EdDSA';

export interface TestKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly privateJwk: JsonWebKey;
  readonly publicJwk: JsonWebKey;
}

/** 2026-11-01T00:00:00Z in milliseconds: where the clocks of the token tests stand. */
export const TEST_TIME = Date.UTC(2026, 10, 1);
export const TEST_AUDIENCE = 'https://mail.example.org';
export const MAIL_SCOPE = 'urn:ietf:params:oauth:scope:mail';

/** A clock that stands until a test moves it. */
export function testClock(start = TEST_TIME): { now: () => number; advance(milliseconds: number): void } {
  let time = start;
  return {
    now: () => time,
    advance: (milliseconds) => {
      time += milliseconds;
    },
  };
}

export function testKey(alg: TestAlgorithm = 'ES256', kid = `${alg}-1`): TestKey {
  const { privateKey, publicKey } = generate(alg);
  const marks = { kid, alg, use: 'sig' };
  return {
    kid,
    alg,
    privateKey,
    privateJwk: { ...privateKey.export({ format: 'jwk' }), ...marks },
    publicJwk: { ...publicKey.export({ format: 'jwk' }), ...marks },
  };
}

/** A key of a keyring's `privateJwks()`; the first is the one that signs. */
export function asTestKey(jwk: object): TestKey {
  const privateJwk = jwk as JsonWebKey;
  const { d: _d, ...publicJwk } = privateJwk;
  const privateKey = createPrivateKey({ key: privateJwk, format: 'jwk' });
  return {
    kid: String(publicJwk['kid']),
    alg: String(publicJwk['alg']),
    privateKey,
    privateJwk,
    publicJwk,
  };
}

export interface TokenClaims {
  readonly [claim: string]: unknown;
}

/** Claims of a good access token of a trusted issuer; `undefined` in `changes` takes a claim away. */
export function goodClaims(issuer: string, changes: TokenClaims = {}, now = TEST_TIME): TokenClaims {
  const seconds = Math.floor(now / 1000);
  return {
    iss: issuer,
    sub: 'a1b2c3',
    aud: TEST_AUDIENCE,
    client_id: 'mail-program',
    scope: MAIL_SCOPE,
    iat: seconds,
    exp: seconds + 900,
    jti: 'token-1',
    email: 'alice@example.org',
    email_verified: true,
    ...changes,
  };
}

/** A signed token. `header` overrides typ, alg and kid; the signature is made with `key` whatever the header says. */
export function mintToken(key: TestKey, claims: TokenClaims, header: TokenClaims = {}): string {
  const protectedHeader = { alg: key.alg, typ: 'at+jwt', kid: key.kid, ...header };
  return signText(key, `${encodeJson(protectedHeader)}.${encodeJson(claims)}`);
}

/** A token whose header and claims are the given texts, valid JSON or not. */
export function mintRawToken(key: TestKey, header: string, claims: string): string {
  return signText(key, `${encodeText(header)}.${encodeText(claims)}`);
}

/** Appends the signature to `header.claims` as it stands. */
export function signText(key: TestKey, signingInput: string): string {
  const hash = key.alg === 'EdDSA' ? null : `sha${key.alg.slice(2)}`;
  const padding = key.alg.startsWith('PS') ? { padding: 6, saltLength: Number(key.alg.slice(2)) / 8 } : {};
  const options = { key: key.privateKey, dsaEncoding: 'ieee-p1363' as const, ...padding };
  return `${signingInput}.${sign(hash, Buffer.from(signingInput), options).toString('base64url')}`;
}

export function encodeJson(value: unknown): string {
  return encodeText(JSON.stringify(value));
}

export function encodeText(text: string): string {
  return Buffer.from(text).toString('base64url');
}

/** Settings as they are after loading, with every default. */
export function tokenSettings(changes: Partial<TokenSettings> = {}): TokenSettings {
  return {
    audience: TEST_AUDIENCE,
    leeway: 60_000,
    trustedIssuers: [],
    jwks: { refreshInterval: 3_600_000, cooldown: 30_000, timeout: 5_000 },
    cacheSize: 100,
    signingKeys: { rotateEvery: 30 * 86_400_000, publishAhead: 86_400_000 },
    ...changes,
  };
}

export function trustedIssuer(
  issuer: string,
  changes: Partial<TrustedIssuerSettings> = {},
): TrustedIssuerSettings {
  return {
    issuer,
    audiences: [TEST_AUDIENCE],
    algorithms: ['ES256', 'RS256', 'PS256', 'EdDSA'],
    types: ['at+jwt'],
    scopes: [MAIL_SCOPE, 'smtp.submit'],
    identity: { addresses: ['email'], requireVerified: true },
    allowInsecureHttp: true,
    ...changes,
  };
}

/** Settings of an introspection as they are after loading. */
export function introspectionSettings(
  changes: Partial<NonNullable<TrustedIssuerSettings['introspection']>> = {},
): NonNullable<TrustedIssuerSettings['introspection']> {
  return {
    protocol: 'rfc7662',
    clientId: 'postern',
    clientSecret: new Secret('hunter2'),
    timeout: 5_000,
    cacheFor: 60_000,
    every: 300_000,
    whileUnavailable: 'keep',
    ...changes,
  };
}

export function account(changes: Partial<Account> = {}): Account {
  return {
    id: 'alice-id',
    idpIssuer: 'https://idp.example.org',
    idpSubject: 'alice',
    addresses: ['alice@example.org'],
    groups: ['staff'],
    name: 'Alice',
    disabled: false,
    updatedAt: TEST_TIME / 1000,
    ...changes,
  };
}

/** A key store in memory; `fail` makes every call reject. */
export function memoryKeyStore(): KeyStore & { keys: StoredKey[]; fail: boolean } {
  const check = () => {
    if (store.fail) throw new Error('store is down');
  };
  const store = {
    keys: [] as StoredKey[],
    fail: false,
    async list() {
      check();
      return [...store.keys].sort((a, b) => a.createdAt - b.createdAt);
    },
    async addUnlessNewer(key: StoredKey, newerThan: number) {
      check();
      if (store.keys.some(({ createdAt }) => createdAt >= newerThan)) return false;
      store.keys.push(key);
      return true;
    },
    async remove(id: string) {
      check();
      store.keys = store.keys.filter((key) => key.id !== id);
    },
  };
  return store;
}

/** A revocation store in memory; `fail` makes every call reject. */
export function memoryRevocationStore(): RevocationStore & {
  rows: Map<string, KeptRevocation>;
  fail: boolean;
} {
  const check = () => {
    if (store.fail) throw new Error('store is down');
  };
  const store = {
    rows: new Map<string, KeptRevocation>(),
    fail: false,
    async add(revocation: Revocation) {
      check();
      const key = `${revocation.kind} ${revocation.id}`;
      const before = store.rows.get(key);
      const expiresAt = Math.max(revocation.expiresAt, before?.expiresAt ?? 0);
      const sequence = Math.max(0, ...[...store.rows.values()].map((row) => row.sequence)) + 1;
      store.rows.set(key, { ...revocation, expiresAt, sequence });
    },
    async listLive(now: number, after: number): Promise<readonly KeptRevocation[]> {
      check();
      return [...store.rows.values()].filter((row) => row.expiresAt > now && row.sequence > after);
    },
    async removeExpired(now: number) {
      check();
      const gone = [...store.rows].filter(([, { expiresAt }]) => expiresAt <= now);
      for (const [key] of gone) store.rows.delete(key);
      return gone.length;
    },
  };
  return store;
}

function generate(alg: TestAlgorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  switch (alg) {
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' });
    case 'ES384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' });
    case 'ES512':
      return generateKeyPairSync('ec', { namedCurve: 'P-521' });
    case 'EdDSA':
      return generateKeyPairSync('ed25519');
    default:
      return generateKeyPairSync('rsa', { modulusLength: 2048 });
  }
}
