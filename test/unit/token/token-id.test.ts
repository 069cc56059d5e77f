// The `jti` of Postern's own tokens.

import { describe, expect, it } from 'vitest';
import { composeTokenId, grantHandle, grantHandleOf } from '../../../src/token/token-id.ts';

describe('composeTokenId', () => {
  it('carries the handle of its grant, and not the grant', () => {
    const tokenId = composeTokenId('grant-secret-id');
    expect(tokenId).toMatch(/^[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]{11}$/);
    expect(grantHandleOf(tokenId)).toBe(grantHandle('grant-secret-id'));
    expect(tokenId).not.toContain('grant-secret-id');
  });

  it('has no handle without a grant', () => {
    const tokenId = composeTokenId(undefined);
    expect(tokenId).toMatch(/^\.[A-Za-z0-9_-]{11}$/);
    expect(grantHandleOf(tokenId)).toBeUndefined();
  });

  it('is another each time', () => {
    const ids = Array.from({ length: 1000 }, () => composeTokenId('grant'));
    expect(new Set(ids).size).toBe(1000);
  });

  it('tells grants apart', () => {
    expect(grantHandle('one')).not.toBe(grantHandle('two'));
    // SHA-256("abc") = ba7816bf 8f01cfea 414140de … (FIPS 180-4), in base64url.
    expect(grantHandle('abc')).toBe('ungWv48Bz-pBQUDe');
  });
});

describe('grantHandleOf', () => {
  it.each([
    '',
    'abc',
    'ungWv48Bz-pBQUDe',
    'ungWv48Bz-pBQUDe.',
    'ungWv48Bz-pBQUDe.short',
    'x.ungWv48Bz-pBQUDe.AAAAAAAAAAA',
  ])('finds none in "%s"', (tokenId) => {
    expect(grantHandleOf(tokenId)).toBeUndefined();
  });
});
