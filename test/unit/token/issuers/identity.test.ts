// Claims become addresses and groups.

import { describe, expect, it } from 'vitest';
import { isRefusal } from '../../../../src/refusal.ts';
import { addressesFromClaims, groupsFromClaims } from '../../../../src/token/issuers/identity.ts';
import type { IdentityClaims } from '../../../../src/token/settings.ts';

const byEmail: IdentityClaims = { addresses: ['email'], requireVerified: true };

describe('addressesFromClaims', () => {
  it.each<[string, IdentityClaims, Record<string, unknown>, string[]]>([
    [
      'a verified email',
      byEmail,
      { email: 'Alice@EXAMPLE.org', email_verified: true },
      ['Alice@example.org'],
    ],
    [
      'verified written as text',
      byEmail,
      { email: 'a@example.org', email_verified: 'true' },
      ['a@example.org'],
    ],
    [
      'an unverified one where the operator allows it',
      { ...byEmail, requireVerified: false },
      { email: 'a@example.org', email_verified: false },
      ['a@example.org'],
    ],
    [
      'another claim, which no email_verified speaks of',
      { ...byEmail, addresses: ['upn'] },
      { upn: 'a@example.org' },
      ['a@example.org'],
    ],
    [
      'several claims in their order, each address once',
      { ...byEmail, addresses: ['mail', 'aliases'] },
      { mail: 'a@example.org', aliases: ['b@example.org', 'A@example.org', 'c@bücher.example'] },
      ['a@example.org', 'b@example.org', 'c@bücher.example'],
    ],
    [
      'what is an address among what is none',
      { ...byEmail, addresses: ['preferred_username', 'mail'] },
      { preferred_username: 'alice', mail: [7, null, 'not one', 'a@example.org'] },
      ['a@example.org'],
    ],
  ])('takes %s', (_what, settings, claims, addresses) => {
    expect(addressesFromClaims(claims, settings)).toEqual(addresses);
  });

  it.each<[string, IdentityClaims, Record<string, unknown>, string]>([
    ['no claim', byEmail, {}, 'email_verified is none'],
    [
      'an unverified email',
      byEmail,
      { email: 'a@example.org', email_verified: false },
      'email_verified is false',
    ],
    ['an email that nobody calls verified', byEmail, { email: 'a@example.org' }, 'email_verified is none'],
    ['verified as a number', byEmail, { email: 'a@example.org', email_verified: 1 }, 'email_verified is 1'],
    ['something else than an address', byEmail, { email: 'alice', email_verified: true }, 'email is "alice"'],
    [
      'a display name with it',
      byEmail,
      { email: 'Alice <a@example.org>', email_verified: true },
      'email is "Alice <a@example.org>"',
    ],
    ['an empty list', { ...byEmail, addresses: ['mail'] }, { mail: [] }, 'none of them is there'],
    ['an inherited member', { ...byEmail, addresses: ['constructor'] }, {}, 'none of them is there'],
  ])('refuses %s', (_what, settings, claims, reason) => {
    const refusal = addressesFromClaims(claims, settings);
    expect(refusal).toMatchObject({ refused: true, code: 'token-identity' });
    expect(isRefusal(refusal) && refusal.reason).toContain(reason);
  });
});

describe('groupsFromClaims', () => {
  const settings = { ...byEmail, groups: 'roles' };

  it.each<[unknown, string[]]>([
    [
      ['staff', 'staff', 3, 'admin'],
      ['staff', 'admin'],
    ],
    ['staff', ['staff']],
    [undefined, []],
    [{ staff: true }, []],
  ])('%j gives %j', (roles, groups) => {
    expect(groupsFromClaims({ roles }, settings)).toEqual(groups);
  });

  it('is empty where no claim is configured', () => {
    expect(groupsFromClaims({ groups: ['staff'] }, byEmail)).toEqual([]);
  });
});
