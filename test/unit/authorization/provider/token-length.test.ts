// Short tokens: NeoMutt refuses those of 512 characters (a buffer in its conn/connaccount.c), whoever's name is in them.

import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  claimsOf,
  headerOf,
  obtainTokens,
  openTestDoor,
  type TestDoor,
} from '../../../support/authorization-server.ts';
import { asTestKey, mintToken, type TokenClaims } from '../../../support/tokens.ts';

let door: TestDoor;
let token: string;
beforeAll(async () => {
  door = await openTestDoor();
  ({ access_token: token } = await obtainTokens(door));
});
afterAll(() => door.close());

/** The token as it was issued, for another issuer and audience. */
function lengthFor(changes: TokenClaims): number {
  const key = asTestKey(door.keyring.privateJwks().keys[0] ?? {});
  return mintToken(key, { ...claimsOf(token), ...changes }, headerOf(token)).length;
}

it('the same claims signed anew are as long as the token that was issued', () => {
  expect(lengthFor({})).toBe(token.length);
});

it.each([
  ['a short name', 'https://mail.example.org'],
  ['a long one', 'https://submission.mail.example-company.org'],
])('a token of an issuer with %s stays under 512 characters', (_what, name) => {
  expect(lengthFor({ iss: name, aud: name })).toBeLessThan(512);
});

it('also for a client that calls itself by a UUID', () => {
  expect(lengthFor({ client_id: '5f0c8d7e-1b2a-4c3d-9e8f-7a6b5c4d3e2f' })).toBeLessThan(512);
});
