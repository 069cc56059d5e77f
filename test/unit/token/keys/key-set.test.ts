// Which keys of a key set may have made a signature.

import { describe, expect, it } from 'vitest';
import { readKeySet } from '../../../../src/token/keys/key-set.ts';
import { type TestAlgorithm, testKey } from '../../../support/tokens.ts';

const ec = testKey('ES256', 'ec');
const rsa = testKey('RS256', 'rsa');
const ed = testKey('EdDSA', 'ed');

function find(keys: object[], kid: string | undefined, alg: string) {
  const keySet = readKeySet({ keys });
  return typeof keySet === 'string' ? keySet : keySet.find({ kid, alg });
}

function without(jwk: object, ...names: string[]): object {
  return Object.fromEntries(Object.entries(jwk).filter(([name]) => !names.includes(name)));
}

describe('readKeySet', () => {
  it.each<TestAlgorithm>(['ES256', 'ES384', 'ES512', 'RS256', 'PS256', 'EdDSA'])(
    'finds a key for %s',
    (alg) => {
      const key = testKey(alg, 'k');
      expect(find([ec.publicJwk, key.publicJwk], 'k', alg)).toHaveLength(1);
    },
  );

  it('finds by kid among several, and by fitness where the token names none', () => {
    const keys = [ec.publicJwk, rsa.publicJwk, ed.publicJwk];
    expect(find(keys, 'rsa', 'RS256')).toHaveLength(1);
    expect(find(keys, undefined, 'ES256')).toHaveLength(1);
    expect(find([ec.publicJwk, testKey('ES256', 'other').publicJwk], undefined, 'ES256')).toHaveLength(2);
  });

  it('takes a key without alg for every algorithm of its type, one with alg for that only', () => {
    expect(find([without(rsa.publicJwk, 'alg')], 'rsa', 'PS512')).toHaveLength(1);
    expect(find([rsa.publicJwk], 'rsa', 'PS512')).toBe(
      'the issuer\'s key "rsa" does not fit algorithm "PS512"',
    );
  });

  it('takes EdDSA and Ed25519 for one algorithm', () => {
    expect(find([ed.publicJwk], 'ed', 'Ed25519')).toHaveLength(1);
    expect(find([{ ...ed.publicJwk, alg: 'Ed25519' }], 'ed', 'EdDSA')).toHaveLength(1);
  });

  it.each([
    ['HS256', 'ec'],
    ['HS256', 'rsa'],
    ['none', 'ec'],
    ['ES384', 'ec'],
    ['RS256', 'ec'],
    ['ES256', 'ed'],
    ['constructor', 'ec'],
  ])('has no key for %s in %s', (alg, kid) => {
    const keys = [ec, rsa, ed].map(({ publicJwk }) => without(publicJwk, 'alg'));
    expect(find(keys, kid, alg)).toContain('does not fit algorithm');
  });

  it('says which kid is unknown', () => {
    expect(find([ec.publicJwk], '../../etc/passwd', 'ES256')).toBe(
      'the issuer has no key "../../etc/passwd"',
    );
  });

  it('does not try out many keys for a token that names none', () => {
    const keys = Array.from({ length: 5 }, (_, index) => ({ ...ec.publicJwk, kid: `k${index}` }));
    expect(find(keys, undefined, 'ES256')).toBe(
      'the token names no kid, and 5 keys of the issuer fit "ES256"',
    );
    expect(find(keys, 'k3', 'ES256')).toHaveLength(1);
  });

  it.each<[string, object, string]>([
    ['a key for encryption', { ...ec.publicJwk, use: 'enc' }, 'use "enc"'],
    ['a key not meant to verify', { ...ec.publicJwk, use: undefined, key_ops: ['sign'] }, 'key_ops "sign"'],
    ['a private key', ec.privateJwk, 'a private key'],
    ['a secret', { kty: 'oct', k: 'c2VjcmV0', kid: 'ec' }, 'key type "oct"'],
    ['a point off the curve', { ...ec.publicJwk, y: ec.publicJwk.x }, 'malformed key'],
    ['a key without its numbers', { kty: 'EC', kid: 'ec' }, 'malformed key'],
  ])('leaves out %s and says so', (_what, jwk, why) => {
    expect(find([rsa.publicJwk, jwk], 'ec', 'ES256')).toBe(`the issuer's key "ec" is not usable: ${why}`);
  });

  it('leaves out short RSA keys', () => {
    // 512 bits, of a published test vector's size; any number will do, for it is never used.
    const short = { kty: 'RSA', kid: 'short', e: 'AQAB', n: Buffer.alloc(64, 0xc5).toString('base64url') };
    expect(find([ec.publicJwk, short], 'short', 'RS256')).toContain('RSA key of 512 bits');
  });

  it.each<[string, unknown, string]>([
    ['a list', [], 'no list "keys"'],
    ['null', null, 'no list "keys"'],
    ['an error document', { error: 'server_error' }, 'no list "keys"'],
    ['an empty set', { keys: [] }, 'it is empty'],
    ['a set of nothing usable', { keys: [7, { kty: 'oct' }] }, 'not an object'],
  ])('takes %s for no key set', (_what, value, why) => {
    expect(readKeySet(value)).toContain(why);
  });

  it('looks at no more than 100 keys', () => {
    const many = [...Array.from({ length: 100 }, () => ({ kty: 'oct' })), ec.publicJwk];
    expect(readKeySet({ keys: many })).toBeTypeOf('string');
    expect(readKeySet({ keys: many.slice(1) })).toMatchObject({ size: 1 });
  });
});
