// From a sign-in to a delivered mail with a token of 43 characters, and the end of the session at once when trust ends.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createBrowser, type Transport } from '../../support/authorization-browser.ts';
import { type DemoGateway, startDemoGateway } from '../../support/demo-gateway.ts';
import { type GrantedTokens, type Metadata, type Stranger, stranger } from '../../support/stranger.ts';

const CLIENT = 'pocket-mail';
const CLIENTS = `[{ clientId: ${CLIENT}, redirectUris: ['http://127.0.0.1/callback'], accessTokenFormat: opaque }]`;
const SCOPE = 'urn:ietf:params:oauth:scope:mail';

const overTheWire: Transport = async ({ method, url, headers, body }) => {
  const answer = await fetch(url, {
    method,
    headers,
    redirect: 'manual',
    ...(body === undefined ? {} : { body }),
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
};

let demo: DemoGateway;
let program: Stranger;
let metadata: Metadata;
const programOf = (login: string) =>
  stranger({ ...demo.submission, address: `${login}@example.org`, ca: demo.ca });
beforeAll(async () => {
  demo = await startDemoGateway({ clients: CLIENTS });
  program = programOf('alice');
  metadata = await program.readMetadata(await program.discover());
});
afterAll(() => demo.stop());

function signIn(login = 'alice'): Promise<GrantedTokens> {
  const browser = createBrowser({ transport: overTheWire, origins: [demo.issuer, demo.identityProvider] });
  return program.authorize({ metadata, clientId: CLIENT, scope: SCOPE }, async (url) => {
    const page = await browser.go(url);
    const next = await browser.submit(page.url, { login, password: 'demo' });
    // A consent is remembered.
    const answer = next.text.includes('value="allow"') ? await browser.press(next, 'answer', 'allow') : next;
    await fetch(answer.url);
  });
}

test('its mail is delivered, and that of the token that it is renewed with', async () => {
  const tokens = await signIn();
  expect(tokens.access_token).toMatch(/^[\w-]{43}$/);
  const letter = { to: 'bob@example.org', text: 'a short token' };
  expect(await program.send(tokens.access_token, letter)).toMatch(/^250 /);
  const renewed = await program.renew(metadata, CLIENT, tokens);
  expect(renewed.access_token).toMatch(/^[\w-]{43}$/);
  expect(await program.send(renewed.access_token, letter)).toMatch(/^250 /);
  expect(demo.inbox()).toHaveLength(2);
  expect(await demo.administration.judge({ token: renewed.access_token })).toMatchObject({
    accepted: true,
    addresses: ['alice@example.org'],
    client: CLIENT,
  });
});

test('a token that is not known is refused', async () => {
  expect(await demo.administration.judge({ token: 'A'.repeat(43) })).toMatchObject({
    accepted: false,
    code: 'token-revoked',
  });
  await expect(program.session('A'.repeat(43))).rejects.toThrow();
});

const revoke = (token: string) =>
  fetch(String(metadata['revocation_endpoint']), {
    method: 'POST',
    body: new URLSearchParams({ token, client_id: CLIENT }),
  });
const CAUSES: Record<string, (tokens: GrantedTokens) => Promise<unknown>> = {
  'its token is revoked': ({ access_token }) => revoke(access_token),
  'its grant is revoked': ({ refresh_token }) => revoke(refresh_token),
  'the person loses access': () =>
    demo.administration.revoke({ person: 'bob@example.org', cause: 'by hand' }),
  'the client loses access': () => demo.administration.revoke({ client: CLIENT, cause: 'by hand' }),
};

// Two people: who has just lost access cannot sign in again within the same second.
test.each(Object.entries(CAUSES))('a live session ends at once where %s', async (cause, end) => {
  const login = cause === 'the person loses access' ? 'bob' : 'alice';
  const tokens = await signIn(login);
  const program = programOf(login);
  const session = await program.session(tokens.access_token);
  await end(tokens);
  expect((await session.readReply())[0]).toMatch(/^421 4\.7\.0 Access was revoked/);
  await session.readEnd();
  await expect(program.session(tokens.access_token)).rejects.toThrow();
});
