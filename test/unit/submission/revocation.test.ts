// A live session whose trust ends: every cause in every state, what the client hears, and what the upstream sees of it.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clientKey, grantHandle, subjectKey } from '../../../src/token/token-id.ts';
import type { Revocation } from '../../../src/token/withdrawal/revocation-store.ts';
import { held, POLITE_KEYWORDS, reply, type UpstreamStep } from '../../support/scripted-upstream.ts';
import type { SmtpClient } from '../../support/smtp-client.ts';
import { openSession } from '../../support/smtp-session.ts';
import { startTestGateway, type TestGateway } from '../../support/test-gateway.ts';
import { TEST_TIME } from '../../support/tokens.ts';
import { OWN_ISSUER } from '../../support/verifier-situation.ts';

const LATER = { expiresAt: TEST_TIME / 1000 + 2000, issuedBefore: TEST_TIME / 1000 };
const MESSAGE = 'From: alice@example.org\r\nSubject: x\r\n\r\nText\r\n';

let gateway: TestGateway;
let client: SmtpClient;
let letGo: () => void = () => undefined;

beforeEach(async () => {
  gateway = await startTestGateway({
    relay: { replyTimeout: 20_000, finalReplyTimeout: 20_000 },
    upstream: { keywords: [...POLITE_KEYWORDS, 'CHUNKING', 'BINARYMIME'] },
    upstreamKnown: true,
  });
});
afterEach(async () => {
  letGo();
  client.destroy();
  await gateway.close();
});

const revoking = (make: () => Revocation | Promise<Revocation>) => async () =>
  gateway.revocations.revoke(await make());

async function onlySession() {
  const [session] = await gateway.sessions.list();
  if (!session) throw new Error('no session');
  return session;
}

const CAUSES: Record<string, () => Promise<unknown>> = {
  'its token is revoked': revoking(async () => ({
    kind: 'token',
    id: String((await onlySession()).tokenId),
    expiresAt: LATER.expiresAt,
  })),
  'its grant is revoked': revoking(() => ({
    kind: 'grant',
    id: grantHandle('grant-1'),
    expiresAt: LATER.expiresAt,
  })),
  'the person loses access': revoking(() => ({
    kind: 'subject',
    id: subjectKey(OWN_ISSUER, 'alice-id'),
    ...LATER,
  })),
  'the client loses access': revoking(() => ({
    kind: 'client',
    id: clientKey(OWN_ISSUER, 'mail-program'),
    ...LATER,
  })),
  'an administrator ends it': async () => gateway.sessions.end((await onlySession()).id, 'by hand'),
};

/** The upstream does not answer this step before it is let go. */
function hold(step: UpstreamStep, line: string): void {
  const { promise, resolve } = Promise.withResolvers<void>();
  letGo = resolve;
  gateway.upstream.on(step, held(promise, reply(line)), { times: 1 });
}

const STATES: Record<string, { bring: () => Promise<void>; hears: () => Promise<unknown>; arrives: number }> =
  {
    'signed in and idle': {
      bring: async () => undefined,
      hears: () => client.readReply(),
      arrives: 0,
    },
    'after MAIL': {
      bring: async () => void (await client.command('MAIL FROM:<alice@example.org>')),
      hears: () => client.command('RCPT TO:<bob@example.net>'),
      arrives: 0,
    },
    'after RCPT': {
      async bring() {
        await client.command('MAIL FROM:<alice@example.org>');
        await client.command('RCPT TO:<bob@example.net>');
      },
      hears: () => client.command('DATA'),
      arrives: 0,
    },
    'while the upstream thinks about RCPT': {
      async bring() {
        hold('RCPT', '250 2.1.5 ok');
        await client.write('MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n');
        expect((await client.readReply())[0]).toMatch(/^250/);
        await gateway.upstream.received('RCPT TO');
      },
      hears: () => client.readReply(),
      arrives: 0,
    },
    'in the header': {
      async bring() {
        await toBody();
        await client.write('From: alice@example.org\r\nSubj');
      },
      async hears() {
        await client.write('ect: x\r\n\r\nText\r\n.\r\n');
        return client.readReply();
      },
      arrives: 0,
    },
    'in mid-body': {
      async bring() {
        await toBody();
        await client.write(MESSAGE);
        await gateway.upstream.received('Text');
      },
      async hears() {
        await client.write('more\r\n.\r\n');
        return client.readReply();
      },
      arrives: 0,
    },
    'in a chunk': {
      async bring() {
        await toChunks();
        await client.write(`BDAT ${MESSAGE.length + 4}\r\n${MESSAGE}`);
        await gateway.upstream.received('DATA\r\n');
      },
      async hears() {
        await client.write('more');
        return client.readReply();
      },
      arrives: 0,
    },
    'in the last chunk': {
      async bring() {
        await toChunks();
        await client.write(`BDAT ${MESSAGE.length + 4} LAST\r\n${MESSAGE}`);
        await gateway.upstream.received('DATA\r\n');
      },
      async hears() {
        await client.write('more');
        return client.readReply();
      },
      arrives: 0,
    },
    'between two chunks': {
      async bring() {
        await toChunks();
        await client.write(`BDAT ${MESSAGE.length}\r\n${MESSAGE}`);
        expect((await client.readReply())[0]).toMatch(/^250/);
      },
      hears: () => client.command('BDAT 0 LAST'),
      arrives: 0,
    },
    'in a chunk of a binary message': {
      async bring() {
        await toChunks(' BODY=BINARYMIME');
        await client.write(`BDAT 100000 LAST\r\n${MESSAGE}${'x'.repeat(70_000)}`);
        await gateway.upstream.received('BDAT 65536\r\n');
      },
      async hears() {
        await client.write('x'.repeat(30_000));
        return client.readReply();
      },
      arrives: 0,
    },
    'in a chunk that is swallowed, behind one that was refused': {
      async bring() {
        await toChunks();
        await client.write('BDAT 20\r\nFrom: eve@evil.net\r\n');
        // In one piece: with the answer to the first of them the second has begun.
        await client.write('BDAT 2\r\n\r\nBDAT 10\r\nhalf ');
        expect((await client.readReply())[0]).toMatch(/^250/);
        expect((await client.readReply())[0]).toMatch(/^550/);
      },
      async hears() {
        await client.write('whole');
        expect((await client.readReply())[0]).toMatch(/^550/);
        return client.command('BDAT 0 LAST');
      },
      arrives: 0,
    },
  };

async function toBody(): Promise<void> {
  await client.command('MAIL FROM:<alice@example.org>');
  await client.command('RCPT TO:<bob@example.net>');
  expect((await client.command('DATA'))[0]).toMatch(/^354/);
}

async function toChunks(parameter = ''): Promise<void> {
  await client.command(`MAIL FROM:<alice@example.org>${parameter}`);
  expect((await client.command('RCPT TO:<bob@example.net>'))[0]).toMatch(/^250/);
}

const events = (name: string) =>
  gateway.journal.map((line) => JSON.parse(line)).filter(({ event }) => event === name);

describe.each(Object.entries(CAUSES))('%s', (_cause, cause) => {
  test.each(Object.entries(STATES))('%s', async (_state, { bring, hears, arrives }) => {
    client = await openSession(gateway, 'implicit', 'own');
    await bring();
    await cause();
    expect(await hears()).toEqual([
      expect.stringMatching(/^421 4\.7\.0 Access was revoked, sign in again \[[a-z0-9]+\]$/),
    ]);
    await client.readEnd();
    expect(gateway.upstream.accepted).toHaveLength(arrives);
    expect(events('sessionRevoked')).toHaveLength(1);
    expect(await gateway.sessions.list()).toEqual([]);
  });

  test('while the upstream’s reply to the last chunk is awaited: the truth, then the end', async () => {
    client = await openSession(gateway, 'implicit', 'own');
    await toChunks();
    hold('end', '250 2.0.0 queued');
    await client.write(`BDAT ${MESSAGE.length} LAST\r\n${MESSAGE}`);
    await gateway.upstream.received('\r\n.\r\n');
    await cause();
    letGo();
    expect((await client.readReply())[0]).toMatch(/^250 2\.0\.0 queued/);
    expect((await client.readReply())[0]).toMatch(/^421 4\.7\.0/);
    await client.readEnd();
    expect(gateway.upstream.accepted).toHaveLength(1);
  });

  test('while the upstream’s last reply is awaited: the truth, then the end', async () => {
    client = await openSession(gateway, 'implicit', 'own');
    await toBody();
    hold('end', '250 2.0.0 queued');
    await client.write(`${MESSAGE}.\r\n`);
    await gateway.upstream.received('\r\n.\r\n');
    await cause();
    letGo();
    expect((await client.readReply())[0]).toMatch(/^250 2\.0\.0 queued/);
    expect((await client.readReply())[0]).toMatch(/^421 4\.7\.0/);
    await client.readEnd();
    expect(gateway.upstream.accepted).toHaveLength(1);
    expect(events('messageAccepted')).toHaveLength(1);
  });
});

test('before sign-in nothing is known of it: the token is refused', async () => {
  await gateway.revocations.revoke({ kind: 'grant', id: grantHandle('grant-1'), expiresAt: LATER.expiresAt });
  await expect(openSession(gateway, 'implicit', 'own')).rejects.toThrow('334');
  client = await openSession(gateway, 'implicit', 'good');
});

test('while Postern stops, what is in hand is revoked like at any other time', async () => {
  client = await openSession(gateway, 'implicit', 'own');
  await toBody();
  gateway.shutDown();
  await CAUSES['its grant is revoked']?.();
  await client.write(`${MESSAGE}.\r\n`);
  expect((await client.readReply())[0]).toMatch(/^421 4\.7\.0/);
  expect(gateway.upstream.accepted).toHaveLength(0);
});

test('sessions of others go on', async () => {
  client = await openSession(gateway, 'implicit', 'good');
  const other = await openSession(gateway, 'implicit', 'own');
  await gateway.revocations.revoke({ kind: 'grant', id: grantHandle('grant-1'), expiresAt: LATER.expiresAt });
  expect((await other.readReply())[0]).toMatch(/^421/);
  expect((await client.command('NOOP'))[0]).toMatch(/^250/);
  other.destroy();
});

test('a revocation between the verification of a token and the entry of its session is not missed', async () => {
  // The verifier remembers this token: nothing but the look at the entry stands between the two.
  client = await openSession(gateway, 'implicit', 'own');
  const { isRevoked } = gateway.revocations;
  let asked = 0;
  gateway.revocations.isRevoked = (token) => {
    asked += 1;
    return asked > 1 ? true : isRevoked(token);
  };
  const second = await openSession(gateway, 'implicit', 'own');
  expect((await second.readReply())[0]).toMatch(/^421 4\.7\.0/);
  second.destroy();
});

test('the administrator sees who is connected', async () => {
  client = await openSession(gateway, 'implicit', 'own');
  await client.command('MAIL FROM:<alice@example.org>');
  expect(await onlySession()).toMatchObject({
    user: 'alice@example.org',
    client: 'mail-program',
    peer: '127.0.0.1',
    since: new Date(TEST_TIME).toISOString(),
    mechanism: 'OAUTHBEARER',
    grant: grantHandle('grant-1'),
    messages: 0,
    state: 'in-transaction',
  });
  expect(await gateway.sessions.end('nobody', 'by hand')).toBe(false);
});

test('the end of the token ends the session at once where the operator wants that', async () => {
  await gateway.close();
  gateway = await startTestGateway({ submission: { tokenExpiry: 'at-once' } });
  // Its life and the leeway are over in less than a second of real time.
  gateway.advanceClock((900 + 60) * 1000 - 300);
  client = await openSession(gateway, 'implicit', 'own-old');
  expect((await client.readReply())[0]).toMatch(/^421 4\.7\.0 Access token has expired/);
});
