// The bounded memory of verified tokens.

import { expect, it } from 'vitest';
import { makePrincipal } from '../../../src/token/principal.ts';
import { createVerifiedTokens } from '../../../src/token/verified-tokens.ts';

function principal(subject: string) {
  return makePrincipal({
    issuer: 'https://mail.example.org',
    subject,
    clientId: undefined,
    addresses: [`${subject}@example.org`],
    groups: [],
    scopes: [],
    tokenId: undefined,
    grantId: undefined,
    issuedAt: undefined,
    expiresAt: 0,
  });
}

it('remembers until the time given and not at it', () => {
  const tokens = createVerifiedTokens(2);
  const alice = principal('alice');
  tokens.put('a', alice, 100);
  expect(tokens.get('a', 99)).toBe(alice);
  expect(tokens.get('a', 100)).toBeUndefined();
  expect(tokens.get('a', 99)).toBeUndefined();
});

it('forgets the one not used for longest', () => {
  const tokens = createVerifiedTokens(2);
  tokens.put('a', principal('a'), 100);
  tokens.put('b', principal('b'), 100);
  tokens.get('a', 0);
  tokens.put('c', principal('c'), 100);
  expect(tokens.get('a', 0)).toBeDefined();
  expect(tokens.get('b', 0)).toBeUndefined();
  expect(tokens.get('c', 0)).toBeDefined();
});

it('does not forget another when one is put again', () => {
  const tokens = createVerifiedTokens(2);
  tokens.put('a', principal('a'), 100);
  tokens.put('b', principal('b'), 100);
  tokens.put('b', principal('b'), 200);
  expect(tokens.get('a', 0)).toBeDefined();
  expect(tokens.get('b', 150)).toBeDefined();
});

it('drops what it is told to', () => {
  const tokens = createVerifiedTokens(2);
  tokens.put('a', principal('a'), 100);
  tokens.drop('a');
  expect(tokens.get('a', 0)).toBeUndefined();
});

it('remembers nothing with size 0', () => {
  const tokens = createVerifiedTokens(0);
  tokens.put('a', principal('a'), 100);
  expect(tokens.get('a', 0)).toBeUndefined();
});

it('gives a principal that nobody can change', () => {
  const alice = principal('alice');
  expect(() => Object.assign(alice, { subject: 'bob' })).toThrow(TypeError);
  expect(() => (alice.addresses as string[]).push('bob@example.org')).toThrow(TypeError);
});
