// Postern in front of Gmail and Google Workspace: the presets, against servers that behave as Google's documentation says.

import { generateKeyPairSync } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Relay } from '../../../../src/relay/relay.ts';
import {
  GMAIL_RECIPIENTS,
  GMAIL_REFUSALS,
  GMAIL_SIZE,
  startGmail,
} from '../../../support/providers/gmail.ts';
import { IssuedTokens } from '../../../support/providers/issued-tokens.ts';
import type { ProviderServer, ProviderStep } from '../../../support/providers/provider-server.ts';
import { type ScriptedTokenEndpoint, startGoogleTokens } from '../../../support/providers/token-endpoints.ts';
import { afterwards, relayTo, send, toldToClient, toldToOperator } from './situation.ts';

const MAILBOX = 'somebody@gmail.example';
const PASSWORD = { user: MAILBOX, password: 'abcd efgh ijkl mnop' };

const { publicKey, privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});

let tokens: IssuedTokens;
let gmail: ProviderServer;
let google: ScriptedTokenEndpoint;
let consents: Map<string, string>;
const users = ['alice@example.org', 'carol@example.org'];
const scopes = ['https://mail.google.com/'];

beforeEach(async () => {
  tokens = new IssuedTokens();
  consents = new Map([['1//refresh', MAILBOX]]);
  gmail = await startGmail(tokens, PASSWORD);
  google = await startGoogleTokens({
    tokens,
    client: { id: 'postern.apps.example', secret: 'client-secret' },
    refreshTokens: consents,
    serviceAccount: { email: 'postern@project.example', publicKey, users, scopes },
  });
  afterwards(() => gmail.close());
  afterwards(() => google.close());
});

const asGmail = (oauth: object = {}): Promise<Relay> =>
  relayTo({
    server: gmail,
    tokens: google,
    upstream: {
      preset: 'gmail',
      oauth: {
        mailbox: MAILBOX,
        clientId: 'postern.apps.example',
        clientSecret: { file: 'client-secret' },
        refreshTokenFile: 'refresh-token',
        ...oauth,
      },
    },
    files: { 'client-secret': 'client-secret\n', 'refresh-token': '1//refresh\n' },
  });

const KEY_FILE = JSON.stringify({
  type: 'service_account',
  client_email: 'postern@project.example',
  private_key_id: 'key-1',
  private_key: privateKey,
  token_uri: 'https://oauth2.googleapis.com/token',
});

const asWorkspace = (): Promise<Relay> =>
  relayTo({
    server: gmail,
    tokens: google,
    upstream: { preset: 'google-workspace', oauth: { serviceAccount: { file: 'account.json' } } },
    files: { 'account.json': KEY_FILE },
  });

const withPassword = (password = PASSWORD.password): Promise<Relay> =>
  relayTo({
    server: gmail,
    upstream: { preset: 'gmail', login: { user: MAILBOX, password: { file: 'password' } } },
    files: { password: `${password}\n` },
  });

describe('gmail', () => {
  it('gets mail, signed in with the stored consent', async () => {
    const relay = await asGmail();
    expect(toldToClient(await send(relay, { from: MAILBOX }))).toBe('250 2.0.0');
    expect(gmail.accepted).toMatchObject([
      { user: MAILBOX, sender: MAILBOX, recipients: ['bob@example.net'] },
    ]);
    expect(gmail.signIns).toEqual(['XOAUTH2 235']);
    expect(Object.fromEntries(google.requests[0] ?? [])).toMatchObject({
      grant_type: 'refresh_token',
      refresh_token: '1//refresh',
      scope: 'https://mail.google.com/',
    });
  });

  it('gets mail, signed in with an app password in place of the preset’s tokens', async () => {
    expect(toldToClient(await send(await withPassword()))).toBe('250 2.0.0');
    expect(gmail.signIns).toEqual(['PLAIN 235']);
    expect(google.requests).toEqual([]);
  });

  it('refuses a token once: it is renewed, and the message goes out', async () => {
    const relay = await asGmail();
    await send(relay);
    tokens.revokeAll();
    gmail.answer('MAIL', ['421 4.7.0 Connection expired, try reconnecting. gsmtp'], 1);
    await send(relay);
    expect(toldToClient(await send(relay))).toBe('250 2.0.0');
    expect(gmail.signIns).toEqual(['XOAUTH2 235', 'XOAUTH2 535', 'XOAUTH2 235']);
  });

  it('refuses the wrong mailbox, and the journal has Google’s words', async () => {
    const outcome = await send(await asGmail({ mailbox: 'other@gmail.example' }));
    expect(toldToClient(outcome)).toBe('451 4.4.0');
    expect(toldToOperator(outcome)).toMatch(/^upstream-login: .*5\.7\.8 Username and Password not accepted/);
    expect(toldToOperator(outcome)).toContain('"status":"401"');
  });

  it('refuses a wrong app password, and the journal has Google’s words', async () => {
    const outcome = await send(await withPassword('nothing of the kind'));
    expect(toldToClient(outcome)).toBe('451 4.4.0');
    expect(toldToOperator(outcome)).toMatch(/^upstream-login: .*BadCredentials/);
    expect(toldToOperator(outcome)).not.toContain('nothing of the kind');
  });

  it('has had its consent taken back: the token endpoint’s words are in the journal', async () => {
    consents.clear();
    const outcome = await send(await asGmail());
    expect(toldToClient(outcome)).toBe('451 4.4.0');
    expect(toldToOperator(outcome)).toMatch(
      /^upstream-login: .*invalid_grant: Token has been expired or revoked/,
    );
    expect(gmail.signIns).toEqual([]);
  });
});

describe('google-workspace', () => {
  it('gets mail of each user, signed in to the mailbox of the sender', async () => {
    const relay = await asWorkspace();
    for (const from of users) expect(toldToClient(await send(relay, { from }))).toBe('250 2.0.0');
    expect(gmail.accepted.map(({ user }) => user)).toEqual(users);
    expect(google.requests).toHaveLength(2);
  });

  it('knows no such user: the message waits at the client, others’ mail goes on', async () => {
    const relay = await asWorkspace();
    const outcome = await send(relay, { from: 'mallory@example.org' });
    expect(toldToClient(outcome)).toBe('451 4.4.0');
    expect(toldToOperator(outcome)).toMatch(/^upstream-login: .*Invalid email or User ID/);
    expect(toldToClient(await send(relay, { from: 'alice@example.org' }))).toBe('250 2.0.0');
  });

  it('has not granted the scope to the account', async () => {
    scopes.splice(0, 1, 'https://www.googleapis.com/auth/gmail.send');
    const outcome = await send(await asWorkspace()).finally(() =>
      scopes.splice(0, 1, 'https://mail.google.com/'),
    );
    expect(toldToClient(outcome)).toBe('451 4.4.0');
    expect(toldToOperator(outcome)).toMatch(/^upstream-login: .*unauthorized_client/);
  });
});

describe('what Google refuses', () => {
  /** The client’s own affair is passed on with Google’s codes; everything else is "later". */
  const PASSED_ON = new Set([
    '450 4.2.1',
    '451 4.3.0',
    '452 4.2.2',
    '452 4.5.3',
    '550 5.1.1',
    '550 5.4.5',
    '552 5.2.3',
  ]);
  const cases = Object.entries(GMAIL_REFUSALS).flatMap(([name, { steps, lines }]) =>
    steps.map((step): [string, ProviderStep, readonly string[]] => [name, step, lines]),
  );

  it.each(cases)('%s at %s', async (_name, step, lines) => {
    gmail.answer(step, lines);
    const outcome = await send(await asGmail());
    const told = toldToClient(outcome);
    const first = lines[0] ?? '';
    const own = first.replace('-', ' ').slice(0, 9);
    if (PASSED_ON.has(own)) expect(told).toBe(own);
    else expect(told).toMatch(/^451 4\.\d\.\d$/);
    expect(toldToOperator(outcome)).toContain(first.slice(10, 40));
  });

  it('the recipient beyond the hundredth, and the client may send the rest anew', async () => {
    const to = Array.from({ length: GMAIL_RECIPIENTS + 1 }, (_, at) => `someone${at}@example.net`);
    const relay = await asGmail();
    expect(toldToClient(await send(relay, { to }))).toBe('452 4.5.3');
    expect(toldToClient(await send(relay, { to: to.slice(0, GMAIL_RECIPIENTS) }))).toBe('250 2.0.0');
  });

  it('a message that is too large', async () => {
    const text = `Subject: x\r\n\r\n${`${'x'.repeat(998)}\r\n`.repeat(Math.ceil(GMAIL_SIZE / 1000))}`;
    expect(toldToClient(await send(await asGmail(), { text }))).toBe('552 5.2.3');
  });
});
