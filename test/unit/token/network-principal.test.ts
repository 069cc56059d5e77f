// The principal of a server that is known by its network: what the configuration says, and nothing a token could claim.

import { expect, test } from 'vitest';
import { principalName } from '../../../src/principal.ts';
import { NETWORK_ISSUER, networkPrincipal } from '../../../src/token/network-principal.ts';
import { subjectKey } from '../../../src/token/token-id.ts';
import { openRevocations } from '../../../src/token/withdrawal/revocations.ts';
import { memoryRevocationStore } from '../../support/tokens.ts';

const SCANNER = networkPrincipal({
  name: 'scanners',
  sendAs: ['scanner@example.org', '*@Print.Example.org', 'Fax@Example.ORG'],
});

test('addresses stay addresses, patterns become domains', () => {
  expect(SCANNER.addresses).toEqual(['scanner@example.org', 'Fax@example.org']);
  expect(SCANNER.domains).toEqual(['print.example.org']);
  expect(principalName(SCANNER)).toBe('scanner@example.org');
});

test('one that may send as a domain only bears its own name', () => {
  const any = networkPrincipal({ name: 'scanners', sendAs: ['*@example.org'] });
  expect(any.addresses).toEqual([]);
  expect(principalName(any)).toBe('scanners');
});

test('what is neither gives no right', () => {
  const sendAs = ['*@', '*@[192.0.2.1]', '*@*', '*@*.example.org', '*', 'example.org', '@example.org', ''];
  const odd = networkPrincipal({ name: 'scanners', sendAs });
  expect([odd.addresses, odd.domains]).toEqual([[], []]);
});

test('has nothing of a token: no client, no groups, no scopes, and an issuer that is no URL', () => {
  expect(SCANNER).toMatchObject({
    issuer: NETWORK_ISSUER,
    subject: 'scanners',
    clientId: undefined,
    groups: [],
    scopes: [],
    tokenId: undefined,
    grantId: undefined,
    issuedAt: undefined,
  });
  expect(URL.canParse(NETWORK_ISSUER)).toBe(false);
});

test('its trust does not end with time: later than any clock, and still a date', () => {
  expect(Number.isNaN(new Date(SCANNER.expiresAt * 1000).getTime())).toBe(false);
  expect(Number.isNaN(new Date((SCANNER.expiresAt + 1) * 1000).getTime())).toBe(true);
});

test('cannot be changed', () => {
  for (const part of [SCANNER, SCANNER.addresses, SCANNER.domains]) expect(Object.isFrozen(part)).toBe(true);
});

test('can be revoked by its name, also for a time before it was asked for', async () => {
  const revocations = await openRevocations({ store: memoryRevocationStore() });
  expect(revocations.isRevoked(SCANNER)).toBe(false);
  const soon = Math.ceil(Date.now() / 1000);
  await revocations.revoke({
    kind: 'subject',
    id: subjectKey(NETWORK_ISSUER, 'scanners'),
    expiresAt: soon + 3600,
    issuedBefore: soon,
  });
  expect(revocations.isRevoked(SCANNER)).toBe(true);
  expect(revocations.isRevoked(networkPrincipal({ name: 'printers', sendAs: ['a@example.org'] }))).toBe(
    false,
  );
  revocations.close();
});
