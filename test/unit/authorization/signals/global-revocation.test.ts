import { afterEach, beforeEach, expect, test } from 'vitest';
import { Secret } from '../../../../src/setting.ts';
import { IDENTITY_PROVIDER } from '../../../support/authorization-identity-provider.ts';
import { obtainTokens, openTestDoor, type TestDoor } from '../../../support/authorization-server.ts';

let door: TestDoor;
beforeEach(async () => {
  door = await openTestDoor({ globalRevocation: { token: new Secret('token-of-the-incident-tool') } });
});
afterEach(() => door.close());

const send = (body: unknown, headers: Record<string, string> = {}) =>
  door.transport({
    method: 'POST',
    url: new URL('/global-token-revocation', door.issuer),
    headers: {
      'content-type': 'application/json',
      authorization: 'Bearer token-of-the-incident-tool',
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

test.each([
  ['email', { format: 'email', email: 'alice@example.org' }],
  ['iss_sub', { format: 'iss_sub', iss: IDENTITY_PROVIDER, sub: 'alice-1' }],
  ['opaque', { format: 'opaque', id: 'alice-1' }],
])('ends everything of a person named by %s: 204', async (_name, subject) => {
  const browser = door.newBrowser();
  const tokens = await obtainTokens(door, browser);
  const answer = await send({ sub_id: subject });
  expect(answer.status).toBe(204);
  expect(answer.text).toBe('');
  expect(await door.verifier.verify(tokens.access_token)).toMatchObject({ code: 'token-revoked' });
  const refresh = {
    grant_type: 'refresh_token',
    refresh_token: tokens.refresh_token,
    client_id: 'postern-cli',
  };
  expect((await door.call('/token', refresh)).json).toMatchObject({ error: 'invalid_grant' });
  // "MUST re-authenticate": the browser session is gone, too.
  expect((await browser.go(door.issuer)).text).toContain('Nobody is signed in');
  expect(door.eventsNamed('personEnded')).toMatchObject([
    { user: 'alice@example.org', cause: 'global token revocation', grants: 1, browserSessions: 1 },
  ]);
});

test('somebody unknown is 404', async () => {
  expect((await send({ sub_id: { format: 'email', email: 'nobody@example.org' } })).status).toBe(404);
  expect(door.eventsNamed('signalReceived')).toMatchObject([{ outcome: 'nobody' }]);
});

test.each([
  ['none', ''],
  ['a wrong one', 'Bearer guessed'],
  ['another scheme', 'Basic dG9rZW4tb2YtdGhlLWluY2lkZW50LXRvb2w='],
])('with %s for a token it is 401, and nothing ends', async (_name, authorization) => {
  const tokens = await obtainTokens(door);
  const answer = await send({ sub_id: { format: 'email', email: 'alice@example.org' } }, { authorization });
  expect(answer.status).toBe(401);
  expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  expect(await door.verifier.verify(tokens.access_token)).toMatchObject({ clientId: 'postern-cli' });
  expect(JSON.stringify(door.events)).not.toContain('guessed');
});

test.each([
  ['no JSON', 'x'],
  ['no sub_id', {}],
  ['a subject without format', { sub_id: { email: 'alice@example.org' } }],
  ['null', null],
])('%s is 400', async (_name, body) => {
  const answer = await send(body);
  expect(answer.status).toBe(400);
  expect(JSON.parse(answer.text)).toMatchObject({ error: 'invalid_request' });
});

test('the metadata name it; without the setting it is not there', async () => {
  const metadata = async () =>
    (
      await door.transport({
        method: 'GET',
        url: new URL('/.well-known/oauth-authorization-server', door.issuer),
        headers: {},
      })
    ).text;
  expect(JSON.parse(await metadata())).toMatchObject({
    global_token_revocation_endpoint: 'https://mail.example.org/global-token-revocation',
  });
  await door.close();
  door = await openTestDoor();
  expect((await send({})).status).toBe(404);
  expect(JSON.parse(await metadata())).not.toHaveProperty('global_token_revocation_endpoint');
});
