// RFC 7636, RFC 9700 §2.1.1: every client, S256 only, no downgrade.

import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  authorizationUrl,
  exchangeCode,
  newProof,
  openTestDoor,
  signInAndAllow,
  type TestDoor,
} from '../support/authorization-server.ts';

let door: TestDoor;
beforeAll(async () => {
  door = await openTestDoor();
});
afterAll(() => door.close());

const WEB = { client_id: 'web-app', redirect_uri: 'https://webmail.example.org/callback' };

test('RFC 7636 appendix B: the example’s verifier fits its challenge', () => {
  const verifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk';
  expect(createHash('sha256').update(verifier).digest('base64url')).toBe(
    'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  );
});

test.each([
  ['missing', { code_challenge: undefined, code_challenge_method: undefined }],
  ['plain', { code_challenge_method: 'plain' }],
  ['without its method, which would mean plain', { code_challenge_method: undefined }],
  ['of another method', { code_challenge_method: 'S512' }],
  ['empty', { code_challenge: '' }],
  ['too short', { code_challenge: 'abc' }],
  ['with characters it cannot have', { code_challenge: `${'a'.repeat(42)}!` }],
])('a challenge that is %s is refused, for public and confidential clients', async (_name, changes) => {
  for (const client of [{}, WEB]) {
    const { url } = await door.newBrowser().go(authorizationUrl(door, newProof(), { ...client, ...changes }));
    expect(url.searchParams.get('error')).toBe('invalid_request');
    expect(url.searchParams.has('code')).toBe(false);
  }
});

test.each([
  ['wrong', { code_verifier: newProof().verifier }],
  ['missing', { code_verifier: '' }],
  ['too short', { code_verifier: 'abc' }],
])('a verifier that is %s gets nothing', async (_name, changes) => {
  const proof = newProof();
  const answer = await signInAndAllow(door.newBrowser(), authorizationUrl(door, proof));
  const refused = await exchangeCode(door, answer, proof, changes);
  expect(refused.status).toBe(400);
  expect(refused.json['error']).toMatch(/^invalid_(grant|request)$/);
});

test('the challenge itself is no verifier', async () => {
  const proof = newProof();
  const answer = await signInAndAllow(door.newBrowser(), authorizationUrl(door, proof));
  const refused = await exchangeCode(door, answer, proof, { code_verifier: proof.challenge });
  expect(refused).toMatchObject({ status: 400, json: { error: 'invalid_grant' } });
});

test('a confidential client with its secret but without the verifier gets nothing', async () => {
  const proof = newProof();
  const answer = await signInAndAllow(door.newBrowser(), authorizationUrl(door, proof, WEB));
  const fields = { redirect_uri: WEB.redirect_uri, code_verifier: newProof().verifier };
  const refused = await exchangeCode(door, answer, proof, fields, {
    id: 'web-app',
    secret: 'web-app-secret-0123456789',
  });
  expect(refused).toMatchObject({ status: 400, json: { error: 'invalid_grant' } });
});
