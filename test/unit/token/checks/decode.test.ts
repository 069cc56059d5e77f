// The strict decoding of a token's text.

import { describe, expect, it } from 'vitest';
import { isRefusal } from '../../../../src/refusal.ts';
import { decodeToken, MAX_TOKEN_LENGTH } from '../../../../src/token/checks/decode.ts';
import { parseJsonObject } from '../../../../src/token/checks/json-object.ts';
import { encodeJson, encodeText } from '../../../support/tokens.ts';

const HEADER = encodeJson({ alg: 'ES256' });
const CLAIMS = encodeJson({ iss: 'https://idp.example.org' });
const SIGNATURE = encodeText('signature');

describe('decodeToken', () => {
  it('gives header and claims of a signed token', () => {
    expect(decodeToken(`${HEADER}.${CLAIMS}.${SIGNATURE}`)).toEqual({
      header: { alg: 'ES256' },
      claims: { iss: 'https://idp.example.org' },
      signed: true,
    });
  });

  it('tells where there is no signature', () => {
    expect(decodeToken(`${HEADER}.${CLAIMS}.`)).toMatchObject({ signed: false });
  });

  it('takes a token of the greatest length and none longer', () => {
    const start = `${HEADER}.${encodeText('{}')}.`;
    const longest = start + 'A'.repeat(MAX_TOKEN_LENGTH - start.length);
    expect(longest).toHaveLength(MAX_TOKEN_LENGTH);
    expect(decodeToken(longest)).toMatchObject({ signed: true });
    expect(decodeToken(`${longest}A`)).toMatchObject({
      code: 'token-malformed',
      reason: `token of ${MAX_TOKEN_LENGTH + 1} characters, at most ${MAX_TOKEN_LENGTH} are looked at`,
    });
  });

  it('calls an empty token missing', () => {
    expect(decodeToken('')).toMatchObject({ code: 'token-missing' });
  });

  it.each([
    ['one part', 'abcdef', 'found 1'],
    ['two parts', `${HEADER}.${CLAIMS}`, 'found 2'],
    ['four parts', `${HEADER}.${CLAIMS}.${SIGNATURE}.`, 'found 4'],
    ['a JWE', 'a.b.c.d.e', 'JWE'],
    ['an empty header', `.${CLAIMS}.${SIGNATURE}`, 'header is not base64url'],
    ['empty claims', `${HEADER}..${SIGNATURE}`, 'claims is not base64url'],
    ['a list as claims', `${HEADER}.${encodeText('[1]')}.${SIGNATURE}`, 'claims is not a JSON object'],
    ['null as claims', `${HEADER}.${encodeText('null')}.${SIGNATURE}`, 'claims is not a JSON object'],
    ['a text as header', `${encodeText('"ES256"')}.${CLAIMS}.${SIGNATURE}`, 'header is not a JSON object'],
    ['broken JSON', `${HEADER}.${encodeText('{"iss":')}.${SIGNATURE}`, 'claims is not JSON'],
    ['a signature with other characters', `${HEADER}.${CLAIMS}.sig+nature/`, 'signature is not base64url'],
  ])('refuses %s', (_what, token, reason) => {
    const refusal = decodeToken(token);
    expect(refusal).toMatchObject({ refused: true, code: 'token-malformed' });
    expect(isRefusal(refusal) && refusal.reason).toContain(reason);
  });
});

describe('parseJsonObject', () => {
  const parse = (text: string) => parseJsonObject(Buffer.from(text));

  it.each([
    '{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}',
    '{"a":"\\"a\\":","b":"{\\"a\\":1}"}',
    '{"a":["a","a"],"b":"a"}',
    ' { "a" : 1 }\n',
  ])('takes %s', (text) => {
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  it.each([
    '{"iss":"a","iss":"b"}',
    '{"iss":"a","\\u0069ss":"b"}',
    '{"iss" : "a", "x":{"y":[1,{"z":"}"}]}, "iss"\n: "b"}',
    '{"cnf":{"jkt":"a","jkt":"b"}}',
    '{"a":[{"b":1,"b":2}]}',
    '{"a\\"":1,"a\\"":2}',
  ])('refuses the member twice in %s', (text) => {
    expect(parse(text)).toBe('a JSON object with a member twice');
  });

  it('refuses octets that are no UTF-8, and a byte order mark', () => {
    expect(parseJsonObject(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toBe('not UTF-8');
    expect(parse('\ufeff{}')).toBe('not JSON');
  });

  it('bears the deepest nesting that fits into a token', () => {
    const depth = 5000;
    expect(parse(`{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`)).toBeTypeOf('object');
    expect(parse(`${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}`)).toBeTypeOf('object');
  });
});
