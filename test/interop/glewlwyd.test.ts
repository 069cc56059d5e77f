// A real Glewlwyd as the identity provider: people sign in through it, and a logout there ends their mail sessions at once.

import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { launchChromium } from '../support/authorization-chromium.ts';
import { getTokens, openBrowser, type Tokens } from './brokered-sign-in.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { type Gate, startGate } from './gate.ts';
import { type Glewlwyd, startGlewlwyd } from './glewlwyd.ts';
import { signOut, visitorOf } from './glewlwyd-person.ts';
import { openWith, presentAlone, sendWith } from './presented-token.ts';
import { expectCode } from './session.ts';
import { type Sink, startSink } from './sink.ts';
import { until } from './until.ts';

/** Milliseconds from the logout to the end of the mail session. */
const AT_ONCE = 8_000;

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
  const tokens = await getTokens(page, visitorOf(glewlwyd), gate);
  secrets.push(tokens.accessToken, tokens.refreshToken);
  return { page, tokens };
}

const danas = ({ accessToken }: Tokens) => ({ address: glewlwyd.person.address, token: accessToken });

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
  await sendWith(gate, sink, danas(tokens));
});

test('a logout there ends the mail session, and what it was opened with', async () => {
  const { page, tokens } = await newSignIn();
  const client = await openWith(gate, danas(tokens));
  const end = client.readReply().then((reply) => ({ reply, at: performance.now() }));

  const signedOutAt = await signOut(page, glewlwyd);
  const { reply, at } = await end;
  expect(reply[0]).toMatch(/^421 4\.7\.0 /);
  await client.readEnd();
  console.info(`from the logout at Glewlwyd to 421: ${Math.round(at - signedOutAt)} ms`);
  expect(at - signedOutAt).toBeLessThan(AT_ONCE);

  expect(await presentAlone(gate, danas(tokens))).toMatch(/^535 5\.7\.8 /);
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
  const sessions = [
    await openWith(gate, danas(first.tokens)),
    await openWith(gate, danas(second.tokens)),
  ] as const;
  const end = sessions[0].readReply();
  await signOut(first.page, glewlwyd);
  expect((await end)[0]).toMatch(/^421 4\.7\.0 /);
  expectCode(await sessions[1].command('NOOP'), 250);
  expect((await refresh(second.tokens)).status).toBe(200);
  sessions[1].destroy();
});
