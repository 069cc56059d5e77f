// Postern in front of Microsoft 365: the preset, against a server that behaves as Microsoft's documentation says.

import { beforeEach, describe, expect, it } from 'vitest';
import type { Relay } from '../../../../src/relay/relay.ts';
import { IssuedTokens } from '../../../support/providers/issued-tokens.ts';
import {
  MICROSOFT365_CONNECTIONS,
  MICROSOFT365_MESSAGES_A_MINUTE,
  MICROSOFT365_REFUSALS,
  type Microsoft365,
  startMicrosoft365,
} from '../../../support/providers/microsoft365.ts';
import type { ProviderStep } from '../../../support/providers/provider-server.ts';
import {
  type ScriptedTokenEndpoint,
  startMicrosoftTokens,
} from '../../../support/providers/token-endpoints.ts';
import { afterwards, relayTo, send, toldToClient, toldToOperator } from './situation.ts';

const MAILBOXES = ['alice@example.org', 'shop@example.org'];

let tokens: IssuedTokens;
let microsoft: Microsoft365;
let entra: ScriptedTokenEndpoint;

beforeEach(async () => {
  tokens = new IssuedTokens();
  microsoft = await startMicrosoft365({ tokens, mailboxes: MAILBOXES });
  entra = await startMicrosoftTokens({
    tokens,
    tenant: 'example.onmicrosoft.com',
    client: { id: 'postern-app', secret: 'client-secret' },
  });
  afterwards(() => microsoft.server.close());
  afterwards(() => entra.close());
});

const asApp = (oauth: object = {}, more: object = {}): Promise<Relay> =>
  relayTo({
    server: microsoft.server,
    tokens: entra,
    upstream: {
      preset: 'microsoft365',
      oauth: {
        tenant: 'example.onmicrosoft.com',
        clientId: 'postern-app',
        clientSecret: { file: 'client-secret' },
        ...oauth,
      },
      ...more,
    },
    files: { 'client-secret': 'client-secret\n', wrong: 'wrong\n' },
  });

describe('microsoft365', () => {
  it('gets mail, as an app that signs in to the mailbox of the sender', async () => {
    const relay = await asApp();
    for (const from of MAILBOXES) expect(toldToClient(await send(relay, { from }))).toBe('250 2.0.0');
    expect(microsoft.server.accepted.map(({ user }) => user)).toEqual(MAILBOXES);
    expect(microsoft.server.sessions.every(({ secure }) => secure)).toBe(true);
    expect(microsoft.server.signIns).toEqual(['XOAUTH2 235', 'XOAUTH2 235']);
  });

  it('gives one token for all mailboxes', async () => {
    const relay = await asApp();
    for (const from of MAILBOXES) await send(relay, { from });
    expect(entra.requests.map((form) => [form.get('grant_type'), form.get('scope')])).toEqual([
      ['client_credentials', 'https://outlook.office365.com/.default'],
    ]);
  });

  it('refuses a token without a challenge: it is renewed, and the message goes out', async () => {
    const relay = await asApp();
    await send(relay);
    tokens.revokeAll();
    expect(toldToClient(await send(relay, { from: 'shop@example.org' }))).toBe('250 2.0.0');
    expect(microsoft.server.signIns).toEqual(['XOAUTH2 235', 'XOAUTH2 535', 'XOAUTH2 235']);
  });

  it('has not let the app send from a mailbox: others’ mail goes on', async () => {
    const relay = await asApp();
    const outcome = await send(relay, { from: 'boss@example.org' });
    expect(toldToClient(outcome)).toBe('451 4.4.0');
    expect(toldToOperator(outcome)).toMatch(
      /^upstream-login: .*XOAUTH2 as boss@example\.org.*5\.7\.3 Authentication unsuccessful/,
    );
    expect(toldToClient(await send(relay))).toBe('250 2.0.0');
  });

  it('knows another secret: Entra’s words are in the journal', async () => {
    const outcome = await send(await asApp({ clientSecret: { file: 'wrong' } }));
    expect(toldToClient(outcome)).toBe('451 4.4.0');
    expect(toldToOperator(outcome)).toMatch(/^upstream-login: .*invalid_client: AADSTS7000215/);
  });

  it('has a shared mailbox for all mail, and refuses it to other senders', async () => {
    const relay = await asApp({ mailbox: 'shop@example.org' });
    expect(toldToClient(await send(relay, { from: 'shop@example.org' }))).toBe('250 2.0.0');
    expect(toldToClient(await send(relay))).toBe('554 5.2.252');
    expect(microsoft.server.accepted).toHaveLength(1);
  });
});

describe('what Microsoft refuses', () => {
  /** Its word on the message is passed on; everything else is "later". */
  const PASSED_ON = /^(451 4\.7\.\d+|554 5\.2\.\d+|550 5\.1\.8)/;
  const cases = Object.entries(MICROSOFT365_REFUSALS).flatMap(([name, { steps, lines }]) =>
    steps.map((step): [string, ProviderStep, readonly string[]] => [name, step, lines]),
  );

  it.each(cases)('%s at %s', async (_name, step, lines) => {
    microsoft.server.answer(step, lines);
    const outcome = await send(await asApp());
    const [own] = PASSED_ON.exec(lines[0] ?? '') ?? [];
    if (own !== undefined && step !== 'AUTH') expect(toldToClient(outcome)).toBe(own);
    else expect(toldToClient(outcome)).toMatch(/^451 4\.\d\.\d$/);
    expect(toldToOperator(outcome)).toContain(lines[0]?.slice(10, 60));
  });

  it.each(['AUTH', 'MAIL', 'end'] as const)(
    'too many connections at %s is no matter of signing in',
    async (step) => {
      microsoft.server.answer(step, MICROSOFT365_REFUSALS.tooManyConnections.lines);
      expect(toldToOperator(await send(await asApp()))).toMatch(
        /^upstream-busy: .*4\.3\.2 Concurrent connections/,
      );
    },
  );
});

describe('the limits of a mailbox', () => {
  const CLIENTS = 200;
  const burst = (relay: Relay, from: string): Promise<string[]> =>
    Promise.all(Array.from({ length: CLIENTS }, async () => toldToOperator(await send(relay, { from }))));
  const count = (outcomes: readonly string[], start: string): number =>
    outcomes.filter((outcome) => outcome.startsWith(start)).length;

  it('hold under 200 clients at once: 30 messages get through, three connections are used, nobody hears 432', async () => {
    const relay = await asApp({}, { maxWait: '8s' });
    const outcomes = await burst(relay, 'alice@example.org');
    expect(count(outcomes, '250')).toBe(MICROSOFT365_MESSAGES_A_MINUTE);
    expect(count(outcomes, 'upstream-limit')).toBe(CLIENTS - MICROSOFT365_MESSAGES_A_MINUTE);
    expect(microsoft.mostInAMinute).toBe(MICROSOFT365_MESSAGES_A_MINUTE);
    expect(microsoft.mostConnections).toBe(MICROSOFT365_CONNECTIONS);
  });

  it('are each mailbox’s own', async () => {
    const relay = await asApp({}, { maxWait: '8s' });
    const outcomes = await Promise.all(MAILBOXES.map((from) => burst(relay, from)));
    expect(outcomes.map((each) => count(each, '250'))).toEqual([30, 30]);
    expect(microsoft.mostConnections).toBe(MICROSOFT365_CONNECTIONS);
    expect(microsoft.mostInAMinute).toBe(MICROSOFT365_MESSAGES_A_MINUTE);
  });

  it('would be seen here to break', async () => {
    const more = { maxWait: '8s', maxConnectionsPerAccount: 10, maxMessagesPerMinute: 100 };
    const outcomes = await burst(await asApp({}, more), 'alice@example.org');
    expect(microsoft.mostConnections).toBe(10);
    expect(count(outcomes, '250')).toBeLessThan(CLIENTS);
    expect(outcomes.join()).toContain('4.3.2 Concurrent connections limit exceeded');
  });
});
