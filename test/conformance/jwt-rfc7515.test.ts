// RFC 7515 "JSON Web Signature" and RFC 7519 "JSON Web Token": the compact form, its encodings, and the examples of their appendices.

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeJson, encodeText, mintRawToken, signText } from '../support/tokens.ts';
import { type VerifierSituation, verifierSituation } from '../support/verifier-situation.ts';

let situation: VerifierSituation;
beforeEach(async () => {
  situation = await verifierSituation();
});
afterEach(() => situation.close());

const refusal = async (token: string) => (await situation.refuse(token)).code;
const headerText = () => JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid: situation.trustedKey.kid });
const claimsText = () => JSON.stringify(situation.trustedClaims());

describe('§2, §7.1 the compact form', () => {
  it('is taken as it is', async () => {
    await situation.accept(mintRawToken(situation.trustedKey, headerText(), claimsText()));
  });

  it.each<[string, (token: string) => string]>([
    ['padding', (token) => `${token}==`],
    ['padding within', (token) => token.replace('.', '=.')],
    ['a space before', (token) => ` ${token}`],
    ['a space behind', (token) => `${token} `],
    ['a line break behind', (token) => `${token}\n`],
    ['a line break within', (token) => token.replace('.', '.\r\n')],
    ['a NUL behind', (token) => `${token}\u0000`],
    ['a NUL within', (token) => token.replace('.', '\u0000.')],
    ['another character within', (token) => `${token.slice(0, 5)}!${token.slice(5)}`],
    ['a part more', (token) => `${token}.e30`],
    ['an empty part more', (token) => `${token}.`],
    ['a part less', (token) => token.replace(/\.[^.]*$/, '')],
    ['a dot only', () => '.'],
    ['two dots only', () => '..'],
    ['the scheme before it', (token) => `Bearer ${token}`],
    ['itself behind it', (token) => token + token],
    ['percent coding', (token) => token.replace('.', '%2E')],
    ['full-width dots', (token) => token.replaceAll('.', '．')],
    ['letters beyond ASCII', (token) => `${token}é`],
  ])('with %s is refused', async (_what, change) => {
    const token = mintRawToken(situation.trustedKey, headerText(), claimsText());
    expect(await refusal(change(token))).toBe('token-malformed');
  });

  it('in the alphabet of plain base64 is refused', async () => {
    // Text that needs the two characters in which the alphabets differ.
    const claims = JSON.stringify({ ...situation.trustedClaims(), note: '>>>???ÿÿÿ' });
    const token = mintRawToken(situation.trustedKey, headerText(), claims);
    await situation.accept(token);
    const plain = token.replaceAll('-', '+').replaceAll('_', '/');
    expect(plain).not.toBe(token);
    expect(await refusal(plain)).toBe('token-malformed');
  });

  it('with unused bits that are not zero is refused (RFC 4648 §3.5)', async () => {
    const token = mintRawToken(situation.trustedKey, headerText(), claimsText());
    // 64 octets of signature leave 4 unused bits in the last character.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet[alphabet.indexOf(token.at(-1) ?? '') + 1] ?? '';
    const other = token.slice(0, -1) + last;
    expect(Buffer.from(other, 'base64url')).toEqual(Buffer.from(token, 'base64url'));
    expect(await refusal(other)).toBe('token-malformed');
  });

  it('cut anywhere is refused', async () => {
    const token = mintRawToken(situation.trustedKey, headerText(), claimsText());
    for (let length = 0; length < token.length; length += 1) {
      expect(await refusal(token.slice(0, length))).toMatch(/^token-(missing|malformed|signature)$/);
    }
  });

  it('of more than 16 KiB is refused, signed or not', async () => {
    const claims = { ...situation.trustedClaims(), padding: 'x'.repeat(16 * 1024) };
    expect(await refusal(mintRawToken(situation.trustedKey, headerText(), JSON.stringify(claims)))).toBe(
      'token-malformed',
    );
    expect(await refusal('a'.repeat(10_000_000))).toBe('token-malformed');
    expect(await refusal('.'.repeat(16 * 1024))).toBe('token-malformed');
    expect(situation.fetched).toEqual([]);
  });

  it('in JSON serialization (§7.2) is refused', async () => {
    const [header, payload, signature] = mintRawToken(situation.trustedKey, headerText(), claimsText()).split(
      '.',
    );
    expect(await refusal(JSON.stringify({ payload, protected: header, signature }))).toBe('token-malformed');
  });
});

describe('§4, RFC 7519 §4, §7.2 the JSON within', () => {
  it.each<[string, (claims: string) => string]>([
    ['a member twice', (claims) => claims.replace('{', '{"iss":"https://evil.example",')],
    [
      'a member twice, once in escapes',
      (claims) => claims.replace('{', '{"\\u0069ss":"https://evil.example",'),
    ],
    ['a member of a member twice', (claims) => claims.replace('{', '{"cnf":{"a":1,"a":2},')],
    ['a comment', (claims) => `${claims}// end`],
    ['a comma at the end', (claims) => claims.replace('}', ',}')],
    ['single quotes', (claims) => claims.replaceAll('"', "'")],
    ['a byte order mark', (claims) => `\ufeff${claims}`],
    ['a NUL behind it', (claims) => `${claims}\u0000`],
    ['a raw NUL within', (claims) => claims.replace('a1b2c3', 'a1\u0000')],
    ['two objects', (claims) => claims + claims],
    ['a list', (claims) => `[${claims}]`],
    ['a text', (claims) => JSON.stringify(claims)],
    ['nothing', () => ''],
    ['NaN', (claims) => claims.replace(/"exp":\d+/, '"exp":NaN')],
    ['a time without end', (claims) => claims.replace(/"exp":\d+/, '"exp":1e999')],
  ])('claims with %s are refused', async (_what, change) => {
    const token = mintRawToken(situation.trustedKey, headerText(), change(claimsText()));
    expect(await refusal(token)).toBe('token-malformed');
  });

  it('a header with a member twice is refused', async () => {
    const header = headerText().replace('{', '{"alg":"none",');
    expect(await refusal(mintRawToken(situation.trustedKey, header, claimsText()))).toBe('token-malformed');
  });

  it.each(['utf16le', 'latin1'] as const)('claims in %s are refused', async (encoding) => {
    const claims = Buffer.from(claimsText().replace('a1b2c3', 'jürgen'), encoding).toString('base64url');
    expect(await refusal(signText(situation.trustedKey, `${encodeText(headerText())}.${claims}`))).toBe(
      'token-malformed',
    );
  });

  it('overlong UTF-8 is refused', async () => {
    const claims = Buffer.concat([
      Buffer.from(claimsText().slice(0, -1)),
      Buffer.from(',"a":"\xc0\x80"}', 'latin1'),
    ]);
    const input = `${encodeText(headerText())}.${claims.toString('base64url')}`;
    expect(await refusal(signText(situation.trustedKey, input))).toBe('token-malformed');
  });

  it('a member named __proto__ lends nothing', async () => {
    const claims = claimsText()
      .replace('"email_verified":true', '"email_verified":false')
      .replace('{', '{"__proto__":{"email_verified":true},');
    expect(await refusal(mintRawToken(situation.trustedKey, headerText(), claims))).toBe('token-identity');
  });
});

describe('the examples of the appendices', () => {
  // RFC 7515 A.1.1, A.2.1, A.3.1 share these claims: {"iss":"joe", "exp":1300819380, "http://example.com/is_root":true}
  const joe =
    'eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ';

  it.each([
    [
      'RFC 7515 A.1 (HS256)',
      `eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.${joe}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk`,
      'token-issuer',
    ],
    ['RFC 7515 A.5, RFC 7519 §6.1 (none)', `eyJhbGciOiJub25lIn0.${joe}.`, 'token-issuer'],
    [
      'RFC 7515 A.3 (ES256)',
      `eyJhbGciOiJFUzI1NiJ9.${joe}.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q`,
      'token-issuer',
    ],
    // RFC 7515 Appendix E, the negative test case for crit; its payload "FAIL" is no JSON either.
    [
      'RFC 7515 Appendix E',
      'eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9VTkRFRklORUQiOnRydWUNCn0.RkFJTA.',
      'token-malformed',
    ],
  ])('%s is refused', async (_name, token, code) => {
    expect(await refusal(token)).toBe(code);
  });

  it.each([
    [
      'A.1',
      'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9',
      'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
      'token-algorithm',
    ],
    ['A.5', 'eyJhbGciOiJub25lIn0', '', 'token-algorithm'],
    [
      'A.3',
      'eyJhbGciOiJFUzI1NiJ9',
      'DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q',
      'token-type',
    ],
  ])('RFC 7515 %s is refused also where "joe" is trusted', async (_name, header, signature, code) => {
    situation.close();
    situation = await verifierSituation({ trusted: { issuer: 'joe', jwksUri: 'https://joe.example/keys' } });
    expect(await refusal(`${header}.${joe}.${signature}`)).toBe(code);
  });
});

describe('any text at all', () => {
  it('is refused by a value, never by an exception', async () => {
    const part = fc.oneof(
      fc.string({ maxLength: 30 }).map(encodeText),
      fc.json({ maxDepth: 2 }).map(encodeText),
      fc
        .record({
          alg: fc.constantFrom('ES256', 'none', 'HS256'),
          typ: fc.constant('at+jwt'),
          kid: fc.string(),
        })
        .map(encodeJson),
      fc.constant(encodeText(claimsText())),
      fc.string({ maxLength: 30 }),
    );
    const token = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.array(part, { maxLength: 5 }).map((parts) => parts.join('.')),
    );
    await fc.assert(
      fc.asyncProperty(token, async (text) => {
        const verdict = await situation.verifier.verify(text);
        // Not yet, where a whole token names keys that the issuer may have made since they were fetched.
        const code = expect.stringMatching(/^(?:token-|issuer-unavailable$)/);
        expect(verdict).toMatchObject({ refused: true, code });
      }),
      { numRuns: 500 },
    );
  });

  it('a good token with any one character changed is refused', async () => {
    const token = mintRawToken(situation.trustedKey, headerText(), claimsText());
    await fc.assert(
      fc.asyncProperty(
        fc.nat(token.length - 1),
        fc.constantFrom(...'AZaz09-_.'),
        async (index, character) => {
          fc.pre(token[index] !== character);
          expect(
            await situation.verifier.verify(token.slice(0, index) + character + token.slice(index + 1)),
          ).toMatchObject({ refused: true });
        },
      ),
      { numRuns: 300 },
    );
  });
});
