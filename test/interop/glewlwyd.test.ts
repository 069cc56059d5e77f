// A real Glewlwyd as the identity provider: people sign in through it, and a logout there ends their mail sessions at once.

import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { launchChromium } from '../support/authorization-chromium.ts';
import type { SmtpClient } from '../support/smtp-client.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { type Gate, startGate } from './gate.ts';
import { type Glewlwyd, startGlewlwyd } from './glewlwyd.ts';
import { getTokens, openBrowser, signOut, type Tokens } from './glewlwyd-person.ts';
import { composeLetter, expectIntact } from './letter.ts';
import { expectCode, openConnection, stuffed } from './session.ts';
import { type Sink, startSink } from './sink.ts';
import { until } from './until.ts';

/** Milliseconds from the logout to the end of the mail session. */
const AT_ONCE = 1000;

const closing: (() => unknown)[] = [];
let glewlwyd: Glewlwyd;
let sink: Sink;
let gate: Gate;
let chromium: Browser;
const secrets: string[] = [];

beforeAll(async () => {
  const folder = makeFolder('glewlwyd-sink');
  closing.push(() => removeFolder(folder));
  glewlwyd = await startGlewlwyd();
  closing.push(() => glewlwyd.close());
  sink = await startSink(folder);
  closing.push(() => sink.close());
  const { identityProvider } = glewlwyd;
  gate = await startGate({ upstream: { port: sink.port }, authorization: { identityProvider } });
  closing.push(() => gate.close());
  await glewlwyd.register(gate.issuer);
  chromium = await launchChromium();
  closing.push(() => chromium.close());
  secrets.push(glewlwyd.person.password);
});
afterEach(async () => {
  for (const context of chromium?.contexts() ?? []) await context.close();
});
afterAll(async () => {
  const leaks = gate?.journal.leaks(secrets) ?? [];
  for (const end of closing.toReversed()) await end();
  expect(leaks).toEqual([]);
});

/** A new sign-in of dana, in a new browser. */
async function newSignIn() {
  const page = await openBrowser(chromium);
  const tokens = await getTokens(page, glewlwyd, gate);
  secrets.push(tokens.accessToken, tokens.refreshToken);
  return { page, tokens };
}

/** What the server answers to the token, and to the empty line after a challenge. */
async function show(client: SmtpClient, { accessToken }: Tokens): Promise<string> {
  const response = `user=${glewlwyd.person.address}\x01auth=Bearer ${accessToken}\x01\x01`;
  const [reply = ''] = await client.command(`AUTH XOAUTH2 ${Buffer.from(response).toString('base64')}`);
  return reply.startsWith('334') ? ((await client.command(''))[0] ?? '') : reply;
}

async function openMailSession(tokens: Tokens): Promise<SmtpClient> {
  const client = await openConnection(gate);
  expect(await show(client, tokens)).toMatch(/^235 /);
  return client;
}

function refresh({ refreshToken }: Tokens): Promise<Response> {
  return fetch(`${gate.issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: 'postern-cli',
      refresh_token: refreshToken,
    }),
  });
}

test('who signs in through Glewlwyd sends mail as the address that it vouches for', async () => {
  const { tokens } = await newSignIn();
  const client = await openMailSession(tokens);
  const { address } = glewlwyd.person;
  const letter = composeLetter({ from: address, to: ['alice@example.org'] });
  expectCode(await client.command(`MAIL FROM:<${address}>`), 250);
  expectCode(await client.command('RCPT TO:<alice@example.org>'), 250);
  expectCode(await client.command('DATA'), 354);
  await client.write(stuffed(letter.bytes));
  expectCode(await client.command('.'), 250);
  client.destroy();
  const arrival = await sink.find((one) => one.content().includes(letter.mark), 'the letter');
  expect(arrival).toMatchObject({ mailFrom: address, recipients: ['alice@example.org'] });
  expectIntact(arrival.content(), letter, ['Received']);
});

test('a logout there ends the mail session, and what it was opened with', async () => {
  const { page, tokens } = await newSignIn();
  const client = await openMailSession(tokens);
  const end = client.readReply().then((reply) => ({ reply, at: performance.now() }));

  const signedOutAt = await signOut(page, glewlwyd);
  const { reply, at } = await end;
  expect(reply[0]).toMatch(/^421 4\.7\.0 /);
  await client.readEnd();
  console.info(`from the logout at Glewlwyd to 421: ${Math.round(at - signedOutAt)} ms`);
  expect(at - signedOutAt).toBeLessThan(AT_ONCE);

  const again = await openConnection(gate);
  expect(await show(again, tokens)).toMatch(/^535 5\.7\.8 /);
  again.destroy();
  const answer = await refresh(tokens);
  expect([answer.status, await answer.json()]).toMatchObject([400, { error: 'invalid_grant' }]);

  // It came from Glewlwyd itself, which had its answer.
  const sent = 'Send backchannel_logout successfully for client postern';
  await until(() => glewlwyd.lines.some((line) => line.includes(sent)), 'Glewlwyd to have told Postern');
  const { issuer, person } = glewlwyd;
  const signal = await gate.journal.find(({ event }) => event === 'signalReceived', 'the logout');
  expect(signal).toMatchObject({ via: 'logout', issuer, signal: 'logout', outcome: 'ended' });
  const cut = await gate.journal.find(({ event }) => event === 'sessionRevoked', 'the cut');
  expect(cut).toMatchObject({ user: person.address, state: 'idle', cause: `logout at ${issuer}` });
});

test('what was allowed from another browser goes on', async () => {
  const [first, second] = [await newSignIn(), await newSignIn()];
  const sessions = [await openMailSession(first.tokens), await openMailSession(second.tokens)] as const;
  const end = sessions[0].readReply();
  await signOut(first.page, glewlwyd);
  expect((await end)[0]).toMatch(/^421 4\.7\.0 /);
  expectCode(await sessions[1].command('NOOP'), 250);
  expect((await refresh(second.tokens)).status).toBe(200);
  sessions[1].destroy();
});
