// Nothing that was promised is forgotten by a Postern that is killed: keys, tokens, sign-ins, consent.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeFolder, removeFolder } from './folder.ts';
import { type Gate, startGate } from './gate.ts';
import { expectCode, openConnection } from './session.ts';
import { keptSignIn, signIn } from './sign-in.ts';
import { type Sink, startSink } from './sink.ts';

let folder: string;
let sink: Sink;
let gate: Gate;

beforeAll(async () => {
  folder = makeFolder('restart');
  sink = await startSink(folder);
  gate = await startGate({ upstream: { port: sink.port }, withPeople: true });
});
afterAll(async () => {
  await gate?.close();
  await sink?.close();
  removeFolder(folder);
});

async function killAndRestart(): Promise<void> {
  await gate.stop('SIGKILL');
  await gate.start();
}

async function publishedKeys(): Promise<unknown> {
  const metadata = await fetch(`${gate.issuer}/.well-known/openid-configuration`);
  const { jwks_uri: uri } = (await metadata.json()) as { jwks_uri: string };
  return await (await fetch(uri)).json();
}

/** What AUTH is answered for this token. */
async function login(user: string, token: string): Promise<string> {
  const client = await openConnection(gate);
  const response = Buffer.from(`user=${user}\x01auth=Bearer ${token}\x01\x01`).toString('base64');
  const [line = ''] = await client.command(`AUTH XOAUTH2 ${response}`);
  const reply = line.startsWith('334 ') ? (await client.command(''))[0] : line;
  client.destroy();
  return reply?.slice(0, 3) ?? '';
}

interface Tokens {
  readonly access_token?: string;
  readonly refresh_token?: string;
  readonly error?: string;
}

async function refresh(token: string): Promise<Tokens> {
  const response = await fetch(`${gate.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: token,
      client_id: 'postern-cli',
    }),
  });
  return (await response.json()) as Tokens;
}

test('keys, tokens, sign-ins and consent outlive kill -9', async () => {
  const home = makeFolder('home');
  expect(await signIn({ ...gate, home })).toEqual({ asked: true });
  const kept = keptSignIn(home);
  const appToken = await gate.token();
  const keys = await publishedKeys();
  expect(await login('alice@example.org', kept.accessToken)).toBe('235');

  await killAndRestart();
  expect(await publishedKeys()).toEqual(keys);
  expect(await login('alice@example.org', kept.accessToken)).toBe('235');
  expect(await login('app@example.org', appToken)).toBe('235');

  const renewed = await refresh(kept.refreshToken);
  expect(renewed).toMatchObject({ access_token: expect.any(String), refresh_token: expect.any(String) });
  await killAndRestart();
  expect(await login('alice@example.org', renewed.access_token ?? '')).toBe('235');
  const again = await refresh(renewed.refresh_token ?? '');
  expect(again).toMatchObject({ access_token: expect.any(String), refresh_token: expect.any(String) });

  // The browser is another one, so alice signs in anew; what she allowed is not asked again.
  const elsewhere = makeFolder('home');
  expect(await signIn({ ...gate, home: elsewhere })).toEqual({ asked: false });
  for (const each of [home, elsewhere]) removeFolder(each);
});

test('a refresh token used twice ends its grant, also when Postern was killed in between', async () => {
  const home = makeFolder('home');
  await signIn({ ...gate, home });
  const { refreshToken } = keptSignIn(home);
  const renewed = await refresh(refreshToken);
  await killAndRestart();

  expect(await refresh(refreshToken)).toMatchObject({ error: 'invalid_grant' });
  await killAndRestart();
  expect(await refresh(renewed.refresh_token ?? '')).toMatchObject({ error: 'invalid_grant' });
  expect(await login('alice@example.org', renewed.access_token ?? '')).toBe('535');
  removeFolder(home);
});

test('a token revoked before the kill is refused after it', async () => {
  const token = await gate.token();
  const response = await fetch(`${gate.issuer}/token/revocation`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from('test-app:test-app-secret').toString('base64')}` },
    body: new URLSearchParams({ token }),
  });
  expect(response.status).toBe(200);
  await killAndRestart();
  expect(await login('app@example.org', token)).toBe('535');
  expect(await login('app@example.org', await gate.token())).toBe('235');
  expectCode(await (await openConnection(gate)).command('QUIT'), 221);
});
