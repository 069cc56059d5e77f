// The verifier: what a good token becomes, each reason to refuse one, and what is remembered for how long.

import { afterEach, describe, expect, it } from 'vitest';
import type { TrustedIssuerSettings } from '../../../src/token/settings.ts';
import { composeTokenId, grantHandle } from '../../../src/token/token-id.ts';
import { createTokenVerifier } from '../../../src/token/verifier.ts';
import { startFakeIssuer } from '../../support/fake-issuer.ts';
import {
  account,
  MAIL_SCOPE,
  mintToken,
  TEST_TIME,
  type TokenClaims,
  testKey,
  tokenSettings,
  trustedIssuer,
} from '../../support/tokens.ts';
import {
  OWN_ISSUER,
  type SituationOptions,
  TRUSTED_ISSUER,
  type VerifierSituation,
  verifierSituation,
} from '../../support/verifier-situation.ts';

const NOW = TEST_TIME / 1000;
const LEEWAY = 60;
let situation: VerifierSituation;

async function given(options?: SituationOptions): Promise<VerifierSituation> {
  situation = await verifierSituation(options);
  return situation;
}
afterEach(() => situation.close());

describe("a token of Postern's own", () => {
  it('for a person speaks for the addresses and groups of the account', async () => {
    const { mintOwn, accept, accounts, fetched } = await given();
    accounts.set('alice-id', account({ addresses: ['alice@example.org', 'info@example.org'] }));
    const tokenId = composeTokenId('grant-1');
    expect(await accept(mintOwn({ jti: tokenId, scope: `smtp.submit ${MAIL_SCOPE}` }))).toEqual({
      issuer: OWN_ISSUER,
      subject: 'alice-id',
      clientId: 'mail-program',
      addresses: ['alice@example.org', 'info@example.org'],
      domains: [],
      groups: ['staff'],
      scopes: ['smtp.submit', MAIL_SCOPE],
      tokenId,
      grantId: grantHandle('grant-1'),
      issuedAt: NOW,
      expiresAt: NOW + 900,
    });
    expect(fetched).toEqual([]);
  });

  it('for an app speaks for its configured addresses', async () => {
    const { mintOwn, accept, lookUps } = await given();
    const claims = { sub: 'demo-app', client_id: 'demo-app', jti: composeTokenId(undefined) };
    expect(await accept(mintOwn(claims))).toMatchObject({
      subject: 'demo-app',
      clientId: 'demo-app',
      addresses: ['app@example.org'],
      groups: [],
      grantId: undefined,
    });
    expect(lookUps).toEqual([]);
  });

  it('does not make an app a person of the same name', async () => {
    const { mintOwn, refuse } = await given();
    // A client that could choose its id must not reach an account by it.
    expect(await refuse(mintOwn({ sub: 'alice-id', client_id: 'alice-id' }))).toMatchObject({
      code: 'token-identity',
      reason: 'client "alice-id" is not configured to send by itself',
    });
  });

  it.each<[string, Parameters<typeof account>[0] | undefined, string]>([
    ['unknown', undefined, 'no account "alice-id"'],
    ['disabled', { disabled: true }, 'account "alice-id" is disabled'],
    ['without an address', { addresses: [] }, 'account "alice-id" has no mail address'],
    ['with a broken address', { addresses: ['alice'] }, 'account "alice-id" has no mail address'],
  ])('of an account that is %s is refused', async (_what, changes, reason) => {
    const { mintOwn, refuse, accounts } = await given();
    if (changes) accounts.set('alice-id', account(changes));
    else accounts.clear();
    const refusal = await refuse(mintOwn());
    expect(refusal.code).toBe('token-identity');
    expect(refusal.reason).toContain(reason);
  });

  it('speaks for no address of another domain, where domains are named: an account may be older than they are', async () => {
    const { mintOwn, accept, refuse, accounts } = await given({ domains: ['example.org'] });
    accounts.set('alice-id', account({ addresses: ['alice@gmail.example', 'alice@Example.org'] }));
    expect(await accept(mintOwn())).toMatchObject({ addresses: ['alice@example.org'] });
    accounts.set('alice-id', account({ addresses: ['alice@sub.example.org'] }));
    expect(await refuse(mintOwn({ jti: composeTokenId('grant-2') }))).toMatchObject({
      code: 'token-identity',
      reason: 'account "alice-id", of the domains "example.org", has no mail address',
    });
  });

  it.each(['client_id', 'iat', 'jti', 'sub', 'exp'])('needs the claim %s', async (name) => {
    const { mintOwn, refuse } = await given();
    expect(await refuse(mintOwn({ [name]: undefined }))).toMatchObject({
      code: 'token-malformed',
      reason: `no claim ${name}`,
    });
  });

  it('is signed with ES256 by one of its keys', async () => {
    const { ownKey, ownClaims, refuse } = await given();
    const foreign = { ...testKey('ES256'), kid: ownKey.kid };
    expect(await refuse(mintToken(foreign, ownClaims()))).toMatchObject({ code: 'token-signature' });
    expect(await refuse(mintToken(testKey('RS256'), ownClaims()))).toMatchObject({
      code: 'token-algorithm',
      reason: 'expected alg ES256, found "RS256"',
    });
    expect(await refuse(mintToken(testKey('ES256', 'elsewhere'), ownClaims()))).toMatchObject({
      code: 'token-key',
      reason: 'the issuer has no key "elsewhere"',
    });
  });

  it('stays good when another key takes over before it expires', async () => {
    const { ownKey, mintOwn, accept, clock, keyring } = await given();
    const day = 86_400_000;
    clock.advance(29 * day);
    await keyring.tick();
    clock.advance(day - 60_000);
    const token = mintOwn();
    clock.advance(600_000);
    await keyring.tick();
    expect(keyring.privateJwks().keys[0]).not.toHaveProperty('kid', ownKey.kid);
    await accept(token);
  });

  it('signed by a key that another node has just made is looked for in the store, at a bounded rate', async () => {
    const { clock, keyStore, ownClaims, accept, refuse } = await given();
    const fresh = testKey('ES256', 'fresh');
    const { privateJwk } = fresh;
    keyStore.keys.push({ id: 'fresh', privateJwk: JSON.stringify(privateJwk), createdAt: NOW });
    await accept(mintToken(fresh, ownClaims()));
    let lists = 0;
    const { list } = keyStore;
    keyStore.list = () => {
      lists += 1;
      return list();
    };
    for (let n = 0; n < 20; n += 1) {
      expect(await refuse(mintToken(testKey('ES256', `made-up-${n}`), ownClaims()))).toMatchObject({
        code: 'token-key',
      });
    }
    expect(lists).toBe(0);
    clock.advance(30_000);
    await refuse(mintToken(testKey('ES256', 'made-up'), ownClaims()));
    expect(lists).toBe(1);
  });

  it('with an unknown key while the store is down may be good', async () => {
    const { keyStore, ownClaims, refuse } = await given();
    keyStore.fail = true;
    for (let n = 0; n < 2; n += 1) {
      expect(await refuse(mintToken(testKey('ES256', `fresh-${n}`), ownClaims()))).toMatchObject({
        code: 'issuer-unavailable',
        reason: expect.stringContaining('store is down'),
      });
    }
  });
});

describe('a token of a trusted issuer', () => {
  it('speaks for the addresses of its claims', async () => {
    const { mintTrusted, accept } = await given({
      trusted: { identity: { addresses: ['email', 'aliases'], requireVerified: true, groups: 'roles' } },
    });
    const claims = { aliases: ['info@example.org'], roles: ['staff'] };
    expect(await accept(mintTrusted(claims))).toEqual({
      issuer: TRUSTED_ISSUER,
      subject: 'a1b2c3',
      clientId: 'mail-program',
      addresses: ['alice@example.org', 'info@example.org'],
      domains: [],
      groups: ['staff'],
      scopes: [MAIL_SCOPE],
      tokenId: 'token-1',
      grantId: undefined,
      issuedAt: NOW,
      expiresAt: NOW + 900,
    });
  });

  it.each(['ES256', 'RS256', 'PS256', 'EdDSA', 'ES384', 'ES512'] as const)(
    'may be signed with %s where that is configured',
    async (alg) => {
      const { mintTrusted, accept } = await given({ keys: [testKey(alg)], trusted: { algorithms: [alg] } });
      await accept(mintTrusted());
    },
  );

  it('may leave out kid where few keys fit', async () => {
    const { mintTrusted, accept, refuse, trustedClaims } = await given({
      keys: [testKey('ES256', 'a'), testKey('ES256', 'b'), testKey('RS256', 'c')],
    });
    await accept(mintTrusted({}, { kid: undefined }));
    expect(await refuse(mintToken(testKey('ES256'), trustedClaims(), { kid: undefined }))).toMatchObject({
      code: 'token-signature',
    });
  });

  it('never gets a grant out of its own jti', async () => {
    const { mintTrusted, accept, refuse, revocations } = await given();
    const jti = composeTokenId('grant-1');
    expect((await accept(mintTrusted({ jti }))).grantId).toBeUndefined();
    await revocations.revoke({ kind: 'grant', id: grantHandle('grant-1'), expiresAt: NOW + 900 });
    await accept(mintTrusted({ jti }));
    await revocations.revoke({ kind: 'token', id: jti, expiresAt: NOW + 900 });
    await refuse(mintTrusted({ jti }));
  });

  it('needs an address', async () => {
    const { mintTrusted, refuse } = await given();
    expect(await refuse(mintTrusted({ email_verified: false }))).toMatchObject({ code: 'token-identity' });
  });

  it('is refused for now, not for good, while its issuer is down', async () => {
    const issuer = await startFakeIssuer();
    await given();
    const { clock, revocations } = situation;
    const settings = tokenSettings({ trustedIssuers: [trustedIssuer(issuer.issuer)] });
    const verifier = createTokenVerifier({ settings, own: undefined, revocations, now: clock.now });
    await issuer.stop();
    expect(await verifier.verify(issuer.mint())).toMatchObject({ code: 'issuer-unavailable' });
    // An expired one will not get better when the issuer is back: its client must fetch another.
    expect(await verifier.verify(issuer.mint({ exp: NOW - 3600 }))).toMatchObject({ code: 'token-expired' });
    await issuer.start();
    clock.advance(30_000);
    expect(await verifier.verify(issuer.mint())).toMatchObject({ addresses: ['alice@example.org'] });
    verifier.close();
    await issuer.stop();
  });
});

describe('each rule', () => {
  interface Rule {
    readonly rule: string;
    readonly claims?: TokenClaims;
    readonly header?: TokenClaims;
    readonly trusted?: Partial<TrustedIssuerSettings>;
    /** Absent where the token is good. */
    readonly code?: string;
    readonly reason?: string;
  }

  const rules: readonly Rule[] = [
    { rule: 'issuer: none', claims: { iss: undefined }, code: 'token-issuer', reason: 'found none' },
    {
      rule: 'issuer: unknown',
      claims: { iss: 'https://evil.example' },
      code: 'token-issuer',
      reason: 'found "https://evil.example"',
    },
    { rule: 'issuer: with a slash more', claims: { iss: `${TRUSTED_ISSUER}/` }, code: 'token-issuer' },
    { rule: 'issuer: a list', claims: { iss: [TRUSTED_ISSUER] }, code: 'token-issuer' },

    { rule: 'typ: as in RFC 9068', header: { typ: 'application/at+jwt' } },
    { rule: 'typ: in other case', header: { typ: 'AT+JWT' } },
    {
      rule: 'typ: absent',
      header: { typ: undefined },
      code: 'token-type',
      reason: 'expected typ at+jwt, found none',
    },
    { rule: 'typ: of an ID token', header: { typ: 'JWT' }, code: 'token-type', reason: 'found "JWT"' },
    { rule: 'typ: JWT where that is configured', header: { typ: 'JWT' }, trusted: { types: ['JWT'] } },
    { rule: 'typ: at+jwt where only JWT is configured', trusted: { types: ['JWT'] }, code: 'token-type' },
    { rule: 'typ: no text', header: { typ: ['at+jwt'] }, code: 'token-type' },
    {
      rule: 'typ: none where that is configured',
      header: { typ: undefined },
      trusted: { types: ['absent'] },
    },
    {
      rule: 'typ: a word that stands for none',
      header: { typ: 'absent' },
      trusted: { types: ['absent'] },
      code: 'token-type',
    },
    { rule: 'typ: null', header: { typ: null }, trusted: { types: ['absent'] }, code: 'token-type' },

    {
      rule: 'alg: not in the list',
      trusted: { algorithms: ['RS256'] },
      code: 'token-algorithm',
      reason: 'expected alg RS256, found "ES256"',
    },
    { rule: 'alg: absent', header: { alg: undefined }, code: 'token-algorithm' },
    { rule: 'crit: absent extension', header: { crit: ['exp'] }, code: 'token-critical' },
    { rule: 'crit: empty', header: { crit: [] }, code: 'token-critical' },
    { rule: 'kid: no text', header: { kid: 7 }, code: 'token-malformed' },
    { rule: 'kid: long', header: { kid: 'k'.repeat(257) }, code: 'token-malformed' },

    { rule: 'aud: in a list', claims: { aud: ['https://other.example', 'https://mail.example.org'] } },
    {
      rule: 'aud: another',
      claims: { aud: 'https://graph.example' },
      code: 'token-audience',
      reason: 'expected aud "https://mail.example.org", found "https://graph.example"',
    },
    { rule: 'aud: none', claims: { aud: undefined }, code: 'token-audience' },
    { rule: 'aud: empty list', claims: { aud: [] }, code: 'token-audience' },
    {
      rule: 'aud: a list with a number',
      claims: { aud: ['https://mail.example.org', 7] },
      code: 'token-audience',
    },
    { rule: 'aud: longer by a slash', claims: { aud: 'https://mail.example.org/' }, code: 'token-audience' },
    { rule: 'aud: one of two configured', claims: { aud: 'two' }, trusted: { audiences: ['one', 'two'] } },

    { rule: 'exp: just within the leeway', claims: { exp: NOW - LEEWAY + 1 } },
    {
      rule: 'exp: at the end of the leeway',
      claims: { exp: NOW - LEEWAY },
      code: 'token-expired',
      reason: 'expired 2026-10-31T23:59:00Z',
    },
    { rule: 'exp: none', claims: { exp: undefined }, code: 'token-malformed' },
    { rule: 'exp: a text', claims: { exp: String(NOW + 900) }, code: 'token-malformed' },
    { rule: 'exp: in milliseconds', claims: { exp: TEST_TIME + 900_000 }, code: 'token-malformed' },
    { rule: 'exp: null', claims: { exp: null }, code: 'token-malformed' },
    { rule: 'exp: below zero', claims: { exp: -1 }, code: 'token-malformed' },
    { rule: 'exp: with a fraction', claims: { exp: NOW + 0.5 } },

    { rule: 'nbf: within the leeway', claims: { nbf: NOW + LEEWAY } },
    {
      rule: 'nbf: beyond the leeway',
      claims: { nbf: NOW + LEEWAY + 1 },
      code: 'token-not-yet-valid',
      reason: 'nbf is 2026-11-01T00:01:01Z',
    },
    { rule: 'nbf: a text', claims: { nbf: 'now' }, code: 'token-malformed' },
    { rule: 'iat: within the leeway', claims: { iat: NOW + LEEWAY } },
    {
      rule: 'iat: to come',
      claims: { iat: NOW + LEEWAY + 1 },
      code: 'token-not-yet-valid',
      reason: 'iat is',
    },
    { rule: 'iat: none', claims: { iat: undefined } },
    { rule: 'iat: long ago', claims: { iat: 0 } },

    { rule: 'scope: the narrower one', claims: { scope: 'smtp.submit' } },
    { rule: 'scope: among others', claims: { scope: `openid ${MAIL_SCOPE} offline_access` } },
    {
      rule: 'scope: others',
      claims: { scope: 'openid profile' },
      code: 'token-scope',
      reason: 'found "openid", "profile"',
    },
    { rule: 'scope: none', claims: { scope: undefined }, code: 'token-scope', reason: 'found an empty list' },
    { rule: 'scope: longer', claims: { scope: `${MAIL_SCOPE}s` }, code: 'token-scope' },
    { rule: 'scope: in other case', claims: { scope: 'SMTP.Submit' }, code: 'token-scope' },
    {
      rule: 'scope: in scp as text',
      claims: { scope: undefined, scp: 'SMTP.Send' },
      trusted: { scopes: ['SMTP.Send'] },
    },
    { rule: 'scope: in scp as list', claims: { scope: undefined, scp: ['openid', 'smtp.submit'] } },
    { rule: 'scope: an object', claims: { scope: { 'smtp.submit': true } }, code: 'token-scope' },
    { rule: 'scope: none asked for', claims: { scope: undefined }, trusted: { scopes: [] } },

    { rule: 'client: in the list', trusted: { clients: ['other', 'mail-program'] } },
    {
      rule: 'client: not in the list',
      trusted: { clients: ['other'] },
      code: 'token-client',
      reason: 'expected client "other", found "mail-program"',
    },
    {
      rule: 'client: none',
      claims: { client_id: undefined },
      trusted: { clients: ['other'] },
      code: 'token-client',
      reason: 'found none',
    },
    { rule: 'client: in azp', claims: { client_id: undefined, azp: 'p' }, trusted: { clients: ['p'] } },
    { rule: 'client: in cid', claims: { client_id: undefined, cid: 'p' }, trusted: { clients: ['p'] } },
    { rule: 'client: in appid', claims: { client_id: undefined, appid: 'p' }, trusted: { clients: ['p'] } },
    {
      rule: 'client: client_id goes before azp',
      claims: { azp: 'p' },
      trusted: { clients: ['p'] },
      code: 'token-client',
    },
    { rule: 'client: no text', claims: { client_id: ['mail-program'] }, code: 'token-malformed' },

    { rule: 'cnf: DPoP', claims: { cnf: { jkt: 'thumb' } }, code: 'token-bound', reason: 'cnf.jkt' },
    {
      rule: 'cnf: client certificate',
      claims: { cnf: { 'x5t#S256': 'thumb' } },
      code: 'token-bound',
      reason: 'x5t#S256',
    },
    { rule: 'cnf: another key', claims: { cnf: { jwk: {} } }, code: 'token-bound', reason: 'cnf with "jwk"' },
    { rule: 'cnf: of no kind', claims: { cnf: null }, code: 'token-bound' },

    { rule: 'purpose: at_hash', claims: { at_hash: 'x' }, code: 'token-type', reason: 'claim at_hash' },
    { rule: 'purpose: a logout token', claims: { events: {} }, code: 'token-type' },
    { rule: 'purpose: token_use id', claims: { token_use: 'id' }, code: 'token-type' },
    { rule: 'purpose: token_use refresh', claims: { token_use: 'refresh' }, code: 'token-type' },
    { rule: 'purpose: token_use access', claims: { token_use: 'access' } },
    { rule: 'purpose: token_use access', claims: { token_use: 'access' } },
    { rule: 'purpose: typ ID', claims: { typ: 'ID' }, code: 'token-type' },
    { rule: 'purpose: typ Refresh', claims: { typ: 'Refresh' }, code: 'token-type' },
    { rule: 'purpose: typ Bearer', claims: { typ: 'Bearer' } },

    { rule: 'sub: none', claims: { sub: undefined }, code: 'token-malformed', reason: 'no claim sub' },
    { rule: 'sub: empty', claims: { sub: '' }, code: 'token-malformed' },
    { rule: 'sub: with a line break', claims: { sub: 'a\r\nb' }, code: 'token-malformed' },
    { rule: 'sub: long', claims: { sub: 's'.repeat(256) }, code: 'token-malformed' },
    { rule: 'jti: none', claims: { jti: undefined } },
    { rule: 'jti: with a control character', claims: { jti: 'a\u001b[2J' }, code: 'token-malformed' },
    { rule: 'jti: long', claims: { jti: 'j'.repeat(256) }, code: 'token-malformed' },
  ];

  it.each(rules)('$rule → $code', async ({ claims = {}, header = {}, trusted = {}, code, reason = '' }) => {
    const { mintTrusted, verifier } = await given({ trusted });
    const verdict = await verifier.verify(mintTrusted(claims, header));
    if (code === undefined) expect(verdict).toMatchObject({ issuer: TRUSTED_ISSUER });
    else expect(verdict).toMatchObject({ refused: true, code, reason: expect.stringContaining(reason) });
  });
});

describe('a reason', () => {
  it('never holds a part of the token, a control character or more than a line', async () => {
    const { mintTrusted, mintOwn, refuse } = await given();
    const nasty = `a\r\nb\u0000\u001b[31m\u202e${'x'.repeat(500)}`;
    const tokens = [
      mintTrusted({ iss: nasty }),
      mintTrusted({ aud: nasty }),
      mintTrusted({ scope: nasty }),
      mintTrusted({ sub: nasty }),
      mintTrusted({ email: nasty }),
      mintTrusted({ cnf: { [nasty]: 1 } }),
      mintTrusted({}, { kid: nasty.slice(0, 200) }),
      mintTrusted({}, { typ: nasty }),
      mintTrusted({}, { alg: nasty }),
      mintTrusted({}, { crit: [nasty] }),
      mintOwn({ sub: 'someone-else' }),
      mintOwn({ client_id: nasty }),
    ];
    for (const token of tokens) {
      const { reason } = await refuse(token);
      expect(reason).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
      expect(reason.length).toBeLessThan(300);
      for (const part of token.split('.')) expect(reason).not.toContain(part.slice(0, 12));
    }
  });
});

describe('what is remembered', () => {
  it('is one principal for one token, without another signature or look-up', async () => {
    const { mintOwn, accept, lookUps } = await given();
    const token = mintOwn();
    const first = await accept(token);
    expect(await accept(token)).toBe(first);
    expect(lookUps).toHaveLength(1);
  });

  it('serves all who ask at once with one verification', async () => {
    const { mintOwn, accept, lookUps } = await given({ settings: { cacheSize: 0 } });
    const token = mintOwn();
    const all = await Promise.all(Array.from({ length: 50 }, () => accept(token)));
    expect(new Set(all).size).toBe(1);
    expect(lookUps).toHaveLength(1);
    await accept(token);
    expect(lookUps).toHaveLength(2);
  });

  it('is bounded: the token not used for longest is verified anew', async () => {
    const { mintOwn, accept, lookUps } = await given({ settings: { cacheSize: 2 } });
    const [a, b, c] = ['a', 'b', 'c'].map((grant) => mintOwn({ jti: composeTokenId(grant) })) as [
      string,
      string,
      string,
    ];
    for (const token of [a, b, a, c, a]) await accept(token);
    expect(lookUps).toHaveLength(3);
    await accept(b);
    expect(lookUps).toHaveLength(4);
  });

  it('is never a refusal', async () => {
    const { mintOwn, accept, refuse, accounts } = await given();
    accounts.clear();
    const token = mintOwn();
    await refuse(token);
    accounts.set('alice-id', account());
    await accept(token);
  });

  it('ends with exp; the leeway beyond it is for a full verification each time', async () => {
    const { mintOwn, accept, refuse, clock, lookUps } = await given();
    const token = mintOwn({ exp: NOW + 10 });
    await accept(token);
    clock.advance(9_999);
    await accept(token);
    expect(lookUps).toHaveLength(1);
    clock.advance(1);
    await accept(token);
    await accept(token);
    expect(lookUps).toHaveLength(3);
    clock.advance(LEEWAY * 1000);
    expect(await refuse(token)).toMatchObject({ code: 'token-expired' });
  });

  it('outlives a disabled account by no more than 30 s', async () => {
    const { mintOwn, accept, refuse, accounts, clock } = await given();
    const token = mintOwn();
    await accept(token);
    accounts.set('alice-id', account({ disabled: true }));
    clock.advance(29_999);
    await accept(token);
    clock.advance(1);
    expect(await refuse(token)).toMatchObject({ code: 'token-identity' });
  });

  it('takes up other addresses of an account within 30 s', async () => {
    const { mintOwn, accept, accounts, clock } = await given();
    const token = mintOwn();
    await accept(token);
    accounts.set('alice-id', account({ addresses: ['new@example.org'] }));
    clock.advance(30_000);
    expect((await accept(token)).addresses).toEqual(['new@example.org']);
  });

  it('outlives a withdrawn key of a trusted issuer by no more than 5 min after its set was fetched', async () => {
    const key = testKey('ES256', 'first');
    const { mintTrusted, accept, refuse, clock, trustedClaims } = await given({ keys: [key] });
    const token = mintTrusted({ exp: NOW + 86_400 });
    await accept(token);
    // From now on the key is published no more; the set is fetched for another unknown one.
    key.publicJwk['kid'] = 'another';
    clock.advance(30_000);
    await refuse(mintToken(testKey('ES256', 'second'), trustedClaims()));
    clock.advance(299_999 - 30_000);
    await accept(token);
    clock.advance(1);
    expect(await refuse(token)).toMatchObject({ code: 'token-key' });
  });
});

describe('revocation', () => {
  it('of the token counts at once, verified before or not', async () => {
    const { mintOwn, accept, refuse, revocations } = await given();
    const jti = composeTokenId('grant-1');
    const token = mintOwn({ jti });
    await accept(token);
    await revocations.revoke({ kind: 'token', id: jti, expiresAt: NOW + 900 });
    expect(await refuse(token)).toMatchObject({
      code: 'token-revoked',
      reason: expect.stringContaining(jti),
    });
    expect(await refuse(mintOwn({ jti, iat: NOW - 1 }))).toMatchObject({ code: 'token-revoked' });
    await accept(mintOwn({ jti: composeTokenId('grant-1') }));
  });

  it('of the grant reaches all its tokens and no others', async () => {
    const { mintOwn, accept, refuse, revocations } = await given();
    const [one, two] = [
      mintOwn({ jti: composeTokenId('g') }),
      mintOwn({ jti: composeTokenId('g') }),
    ] as const;
    const other = mintOwn({ jti: composeTokenId('h') });
    await accept(one);
    await revocations.revoke({ kind: 'grant', id: grantHandle('g'), expiresAt: NOW + 900 });
    expect(await refuse(one)).toMatchObject({ code: 'token-revoked' });
    expect(await refuse(two)).toMatchObject({ code: 'token-revoked' });
    await accept(other);
  });

  it('made while a verification waits counts for that one', async () => {
    const { mintOwn, verifier, revocations, accounts } = await given();
    const jti = composeTokenId('grant-1');
    const find = accounts.get.bind(accounts);
    accounts.get = (id) => {
      void revocations.revoke({ kind: 'token', id: jti, expiresAt: NOW + 900 });
      return find(id);
    };
    expect(await verifier.verify(mintOwn({ jti }))).toMatchObject({ code: 'token-revoked' });
  });

  it('still counts in the leeway after exp', async () => {
    const { mintOwn, accept, refuse, revocations, clock } = await given();
    const jti = composeTokenId('grant-1');
    const token = mintOwn({ jti, exp: NOW + 10 });
    await accept(token);
    await revocations.revoke({ kind: 'token', id: jti, expiresAt: NOW + 10 });
    clock.advance(65_000);
    await revocations.tick();
    expect(await refuse(token)).toMatchObject({ code: 'token-revoked' });
  });
});

describe('faults and contradictions', () => {
  it('a store of accounts that is down is a fault, and the next try is a new one', async () => {
    const { mintOwn, verifier, accept, accounts } = await given();
    const get = accounts.get;
    accounts.get = () => {
      throw new Error('store is down');
    };
    const token = mintOwn();
    await expect(verifier.verify(token)).rejects.toThrow('store is down');
    accounts.get = get;
    await accept(token);
  });

  it('refuses to start with a leeway that outlasts revocations', async () => {
    const { revocations } = await given();
    const settings = tokenSettings({ leeway: 10 * 60_000 + 1 });
    expect(() => createTokenVerifier({ settings, own: undefined, revocations })).toThrow(
      'token.leeway: at most 10m',
    );
  });

  it('refuses to start with two rules for one issuer', async () => {
    const { revocations } = await given();
    const twice = [trustedIssuer(TRUSTED_ISSUER), trustedIssuer(TRUSTED_ISSUER, { types: ['JWT'] })];
    const settings = tokenSettings({ trustedIssuers: twice });
    expect(() => createTokenVerifier({ settings, own: undefined, revocations })).toThrow(
      'stands there twice',
    );
  });

  it('knows no own issuer where there is none', async () => {
    const { revocations, mintOwn, clock } = await given();
    const verifier = createTokenVerifier({
      settings: tokenSettings(),
      own: undefined,
      revocations,
      now: clock.now,
    });
    expect(await verifier.verify(mintOwn())).toMatchObject({
      code: 'token-issuer',
      reason: expect.stringContaining('expected iss an empty list'),
    });
    verifier.close();
  });
});
