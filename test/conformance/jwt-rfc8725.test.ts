// RFC 8725 "JSON Web Token Best Current Practices": its threats (§2) and practices (§3), tried on both kinds of issuer.

import { createHmac, createPublicKey } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  encodeJson,
  encodeText,
  mintToken,
  signText,
  type TestKey,
  type TokenClaims,
  testKey,
} from '../support/tokens.ts';
import { type VerifierSituation, verifierSituation } from '../support/verifier-situation.ts';

let situation: VerifierSituation;
beforeEach(async () => {
  situation = await verifierSituation();
});
afterEach(() => situation.close());

describe.each(['own', 'trusted'] as const)('%s issuer', (kind) => {
  const key = (): TestKey => (kind === 'own' ? situation.ownKey : situation.trustedKey);
  const claims = (changes?: TokenClaims): TokenClaims =>
    kind === 'own' ? situation.ownClaims(changes) : situation.trustedClaims(changes);
  const mint = (changes?: TokenClaims, header?: TokenClaims) => mintToken(key(), claims(changes), header);
  const codeOf = async (token: string) => (await situation.refuse(token)).code;

  it('takes the token that the attacks below change', async () => {
    await situation.accept(mint());
  });

  describe('§2.1, §3.1 weak signatures and insufficient signature validation', () => {
    it.each(['none', 'None', 'NONE', 'nOnE', 'none ', ''])('alg "%s" without a signature', async (alg) => {
      const token = `${encodeJson({ alg, typ: 'at+jwt', kid: key().kid })}.${encodeJson(claims())}.`;
      expect(await codeOf(token)).toBe('token-algorithm');
    });

    it('alg none with the signature of a good token', async () => {
      const [, , signature] = mint().split('.');
      const token = `${encodeJson({ alg: 'none', typ: 'at+jwt' })}.${encodeJson(claims())}.${signature}`;
      expect(await codeOf(token)).toBe('token-algorithm');
    });

    it('a good token with its signature taken off', async () => {
      expect(await codeOf(mint().replace(/[^.]*$/, ''))).toBe('token-malformed');
    });

    it.each(['HS256', 'HS384', 'HS512'])(
      '%s with the public key as secret, in every form it is published in',
      async (alg) => {
        const publicKey = createPublicKey({ key: key().publicJwk, format: 'jwk' });
        const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
        const secrets = [
          pem,
          pem.trimEnd(),
          pem.replaceAll('\n', ''),
          publicKey.export({ type: 'spki', format: 'der' }),
          JSON.stringify(key().publicJwk),
          String(key().publicJwk.x),
          Buffer.from(String(key().publicJwk.x), 'base64url'),
          '',
        ];
        const input = `${encodeJson({ alg, typ: 'at+jwt', kid: key().kid })}.${encodeJson(claims())}`;
        for (const secret of secrets) {
          const signature = createHmac(`sha${alg.slice(2)}`, secret)
            .update(input)
            .digest('base64url');
          expect(await codeOf(`${input}.${signature}`)).toBe('token-algorithm');
        }
      },
    );

    it.each<[string, (signature: Buffer) => Buffer]>([
      ['r = s = 0 (CVE-2022-21449)', () => Buffer.alloc(64)],
      ['r = 0', (signature) => Buffer.concat([Buffer.alloc(32), signature.subarray(32)])],
      ['s = 0', (signature) => Buffer.concat([signature.subarray(0, 32), Buffer.alloc(32)])],
      ['r = s = the order of the curve', () => Buffer.concat([P256_ORDER, P256_ORDER])],
      ['all ones', () => Buffer.alloc(64, 0xff)],
      ['an empty DER sequence', () => Buffer.from('3000', 'hex')],
      ['DER with r = s = 0', () => Buffer.from('3006020100020100', 'hex')],
      ['one octet less', (signature) => signature.subarray(0, 63)],
      ['one octet more', (signature) => Buffer.concat([signature, Buffer.alloc(1)])],
      [
        'one bit turned',
        (signature) => Buffer.concat([signature.subarray(0, 63), Buffer.of((signature[63] ?? 0) ^ 1)]),
      ],
      ['one octet', () => Buffer.from([1])],
    ])('an ES256 signature of %s', async (_what, forge) => {
      const [header, body, signature = ''] = mint().split('.');
      const forged = forge(Buffer.from(signature, 'base64url')).toString('base64url');
      expect(await codeOf(`${header}.${body}.${forged}`)).toBe('token-signature');
    });

    it('claims changed after signing', async () => {
      const [header, , signature] = mint().split('.');
      expect(
        await codeOf(
          `${header}.${encodeJson(claims({ email: 'eve@example.org', aud: claims()['aud'], nbf: 1 }))}.${signature}`,
        ),
      ).toBe('token-signature');
    });

    it('a header changed after signing', async () => {
      const [, body, signature] = mint().split('.');
      const header = encodeJson({ alg: key().alg, typ: 'application/at+jwt', kid: key().kid });
      expect(await codeOf(`${header}.${body}.${signature}`)).toBe('token-signature');
    });

    it('the right kid on the signature of an attacker', async () => {
      const attacker = { ...testKey('ES256'), kid: key().kid };
      expect(await codeOf(mintToken(attacker, claims()))).toBe('token-signature');
    });
  });

  describe('§2.2, §3.5 weak keys', () => {
    it('an HMAC secret in no form is looked for', async () => {
      const input = `${encodeJson({ alg: 'HS256', typ: 'at+jwt' })}.${encodeJson(claims())}`;
      const signature = createHmac('sha256', 'secret').update(input).digest('base64url');
      expect(await codeOf(`${input}.${signature}`)).toBe('token-algorithm');
    });
  });

  describe('§2.3, §2.4, §3.6 encryption and compression', () => {
    it('a JWE', async () => {
      const header = encodeJson({ alg: 'dir', enc: 'A256GCM' });
      expect(await codeOf(`${header}..aXY.Y2lwaGVy.dGFn`)).toBe('token-malformed');
    });

    it('a nested JWT (cty JWT)', async () => {
      const token = signText(
        key(),
        `${encodeJson({ alg: key().alg, typ: 'at+jwt', cty: 'JWT', kid: key().kid })}.${encodeText(mint())}`,
      );
      expect(await codeOf(token)).toBe('token-malformed');
    });
  });

  describe('§2.5 to §2.7, §3.8 issuer and subject', () => {
    it('a token of one issuer signed with the key of the other (key confusion)', async () => {
      const other = kind === 'own' ? situation.trustedKey : situation.ownKey;
      expect(await codeOf(mintToken(other, claims()))).toBe('token-key');
      expect(await codeOf(mintToken(other, claims(), { kid: key().kid }))).toBe('token-signature');
      expect(await codeOf(mintToken(other, claims(), { kid: undefined }))).toBe('token-signature');
    });

    it.each(['HTTPS://', 'https://user@', 'https://\u0000'])(
      'an issuer that only looks the same: %s',
      async (start) => {
        const iss = String(claims()['iss']).replace('https://', start);
        expect(await codeOf(mint({ iss }))).toBe('token-issuer');
      },
    );

    it('an issuer hidden behind a NUL', async () => {
      expect(await codeOf(mint({ iss: `${claims()['iss']}\u0000.evil.example` }))).toBe('token-issuer');
    });

    it('a subject with an embedded NUL', async () => {
      expect(await codeOf(mint({ sub: 'alice-id\u0000' }))).toBe('token-malformed');
    });
  });

  describe('§2.8, §3.9 audience', () => {
    it.each([
      ['another service', 'https://graph.example'],
      ['the client, as an ID token has it', 'mail-program'],
      ['nobody', undefined],
      ['a longer name', 'https://mail.example.org.evil.example'],
      ['a pattern', '*'],
      ['an object', { 'https://mail.example.org': true }],
    ])('made for %s', async (_what, aud) => {
      expect(await codeOf(mint({ aud }))).toBe('token-audience');
    });
  });

  describe('§2.9, §3.10 what a header says is not believed', () => {
    const injections: [string, (evil: TestKey) => TokenClaims][] = [
      ['kid with a path', () => ({ kid: '../../../../../../dev/null' })],
      ['kid with SQL', () => ({ kid: "x' UNION SELECT 'secret' --" })],
      ['kid with a command', () => ({ kid: '|/usr/bin/id' })],
      ['kid with a NUL', () => ({ kid: 'ES256-1\u0000' })],
      ['kid with a line break', () => ({ kid: 'a\r\nb' })],
      ['kid of every object', () => ({ kid: '__proto__' })],
      ['kid that is an address', () => ({ kid: 'https://evil.example/key' })],
      ['kid that is empty', () => ({ kid: '' })],
      ['jwk', (evil) => ({ jwk: evil.publicJwk })],
      ['jwk and kid', (evil) => ({ jwk: evil.publicJwk, kid: evil.kid })],
      ['jku', () => ({ jku: 'https://evil.example/jwks.json' })],
      ['x5u', () => ({ x5u: 'https://evil.example/chain.pem' })],
      ['x5c', () => ({ x5c: ['MIIB'] })],
      ['x5t', () => ({ x5t: 'dGh1bWI', 'x5t#S256': 'dGh1bWI' })],
    ];

    it.each(injections)('%s, signed by the attacker', async (_what, header) => {
      const evil = testKey('ES256', 'evil');
      expect(await codeOf(mintToken(evil, claims(), header(evil)))).toMatch(/^token-(key|signature)$/);
      expect(situation.fetched.filter((url) => url.includes('evil'))).toEqual([]);
    });

    it.each(injections.filter(([name]) => /^(jwk|jku|x5.)$/.test(name)))(
      '%s is passed over on a token that is good by itself',
      async (_what, header) => {
        await situation.accept(mint({}, header(testKey('ES256', 'evil'))));
        expect(situation.fetched.filter((url) => url.includes('evil'))).toEqual([]);
      },
    );
  });

  describe('§3.11, §3.12 explicit typing, and rules that keep kinds of JWT apart', () => {
    it.each([
      'JWT',
      'jwt',
      'id_token+jwt',
      'logout+jwt',
      'secevent+jwt',
      'dpop+jwt',
      'at+jwt2',
      'text/at+jwt',
      'application/application/at+jwt',
      ' at+jwt',
    ])('typ "%s"', async (typ) => {
      expect(await codeOf(mint({}, { typ }))).toBe('token-type');
    });

    it('an ID token: no typ, made for the client', async () => {
      expect(
        await codeOf(mint({ aud: 'mail-program', nonce: 'n', scope: undefined }, { typ: undefined })),
      ).toBe('token-type');
    });
  });

  describe('RFC 7515 §4.1.11 critical extensions', () => {
    it.each<[string, TokenClaims]>([
      [
        'an unknown one',
        { crit: ['http://example.invalid/UNDEFINED'], 'http://example.invalid/UNDEFINED': true },
      ],
      ['b64, the unencoded payload of RFC 7797', { crit: ['b64'], b64: false }],
      ['a registered name, which must not stand there', { crit: ['alg'] }],
      ['an empty list', { crit: [] }],
      ['no list', { crit: 'exp' }],
      ['null', { crit: null }],
    ])('%s', async (_what, header) => {
      expect(await codeOf(mint({}, header))).toBe('token-critical');
    });
  });
});

const P256_ORDER = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex');
