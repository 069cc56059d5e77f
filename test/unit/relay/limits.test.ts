// The limits of an upstream and of its accounts under 200 clients at once, by the real door: reached, never exceeded, as the upstream
// counts; who goes beyond is put off after the wait that is set; everybody else's message arrives once.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { UpstreamSettings } from '../../../src/relay/settings.ts';
import { Secret } from '../../../src/setting.ts';
import { type CountingUpstream, startCountingUpstream } from '../../support/counting-upstream.ts';
import type { SmtpClient } from '../../support/smtp-client.ts';
import { openSession } from '../../support/smtp-session.ts';
import { startTestGateway, type TestGateway } from '../../support/test-gateway.ts';

const CLIENTS = 200;
const OAUTH: NonNullable<UpstreamSettings['oauth']> = {
  ...{ grant: 'pass-through', mailbox: 'user' },
  ...{ scopes: [], timeout: 10_000 },
};

let upstream: CountingUpstream;
let gateway: TestGateway;
let clients: SmtpClient[];

beforeEach(async () => {
  upstream = await startCountingUpstream();
});
afterEach(async () => {
  for (const client of clients) client.destroy();
  await gateway.close();
  await upstream.close();
});

/** So many clients that have signed in, each with a token of its own, the kinds in turn. */
async function start(relay: Partial<UpstreamSettings>, kinds: readonly string[] = ['good']): Promise<void> {
  gateway = await startTestGateway({
    submission: { maxConnectionsPerAddress: CLIENTS, maxSessionsPerUser: CLIENTS },
    relay: {
      ...{ port: upstream.port, maxConnections: CLIENTS, maxConnectionsPerUser: CLIENTS, maxWait: 20_000 },
      ...relay,
    },
    upstreamTokens: { token: async ({ userToken }) => userToken ?? new Secret('token'), close() {} },
  });
  clients = [];
  const kindOf = (number: number): string => kinds[number % kinds.length] as string;
  for (let batch = 0; batch < CLIENTS; batch += 20) {
    const opening = Array.from({ length: 20 }, (_, index) =>
      openSession(gateway, 'implicit', kindOf(batch + index)),
    );
    clients.push(...(await Promise.all(opening)));
  }
}

interface Sent {
  readonly subject: string;
  /** The first reply that is no yes, or the last one. */
  readonly reply: string;
  /** Milliseconds that MAIL took. */
  readonly waited: number;
}

const SENDERS: Record<string, string> = { good: 'alice@example.org', bob: 'bob@example.org' };

async function sendOne(
  client: SmtpClient,
  { number, kind }: { number: number; kind: string },
): Promise<Sent> {
  const from = SENDERS[kind] ?? '';
  const subject = `message-${number}-`;
  const since = performance.now();
  let [reply = ''] = await readSlowly(client, `MAIL FROM:<${from}>`);
  const waited = performance.now() - since;
  const rest = ['RCPT TO:<carol@example.net>', 'DATA', `From: ${from}\r\nSubject: ${subject}\r\n\r\nx\r\n.`];
  for (const line of rest) if (/^[23]/.test(reply)) [reply = ''] = await readSlowly(client, line);
  return { subject, reply, waited };
}

/** Longer than the client's own patience. */
async function readSlowly(client: SmtpClient, line: string): Promise<string[]> {
  await client.write(`${line}\r\n`);
  for (let tries = 0; ; tries += 1) {
    try {
      return await client.readReply();
    } catch (error) {
      if (tries === 5 || client.ended) throw error;
    }
  }
}

const sendAll = (kinds: readonly string[] = ['good']): Promise<Sent[]> =>
  Promise.all(
    clients.map((client, number) =>
      sendOne(client, { number, kind: kinds[number % kinds.length] as string }),
    ),
  );

/** Who heard 250 is there once, and nobody else. */
function expectExact(sent: readonly Sent[]): void {
  const promised = sent.filter(({ reply }) => reply.startsWith('250')).map(({ subject }) => subject);
  const arrived = upstream.taken.map(({ text }) => /message-\d+-/.exec(text)?.[0]);
  expect(arrived.toSorted()).toEqual(promised.toSorted());
}

const refused = (sent: readonly Sent[]): Sent[] => sent.filter(({ reply }) => !reply.startsWith('250'));

describe(`${CLIENTS} clients at once`, () => {
  test('maxConnections', async () => {
    await start({ maxConnections: 7, maxConnectionsPerUser: 7 });
    upstream.delay = 5;
    const sent = await sendAll();
    expect(refused(sent)).toEqual([]);
    expectExact(sent);
    expect(upstream.peak).toBe(7);
  });

  test('maxMessagesPerConnection, where each new connection waits for the end of the one before it', async () => {
    await start({ maxConnections: 7, maxConnectionsPerUser: 7, maxMessagesPerConnection: 3 });
    const sent = await sendAll();
    expect(refused(sent)).toEqual([]);
    expectExact(sent);
    expect(upstream.peak).toBe(7);
    expect(Math.max(...upstream.messagesOf)).toBe(3);
  });

  test('maxConnectionsPerAccount, of the mailbox and not of the token that opens it', async () => {
    const kinds = ['good', 'bob'];
    await start({ oauth: OAUTH, maxConnectionsPerAccount: 3 }, kinds);
    upstream.delay = 2;
    const sent = await sendAll(kinds);
    expect(refused(sent)).toEqual([]);
    expectExact(sent);
    expect(upstream.peakOf).toEqual(
      new Map([
        ['alice@example.org', 3],
        ['bob@example.org', 3],
      ]),
    );
    expect(upstream.peak).toBe(6);
  });

  test('maxConnectionsPerUser, so that another one’s message need not wait', async () => {
    await start({ maxConnections: 10, maxConnectionsPerUser: 4 });
    const { promise, resolve } = Promise.withResolvers<void>();
    upstream.held = promise;
    clients.pop()?.destroy();
    const crowd = clients.map((client, number) => sendOne(client, { number, kind: 'good' }));
    const stranger = await openSession(gateway, 'implicit', 'bob');
    clients.push(stranger);
    // Not one of the crowd’s messages is through.
    expect(await readSlowly(stranger, 'MAIL FROM:<bob@example.org>')).toEqual([
      expect.stringMatching(/^250 /),
    ]);
    expect(await readSlowly(stranger, 'RSET')).toEqual([expect.stringMatching(/^250 /)]);
    resolve();
    expect((await sendOne(stranger, { number: 999, kind: 'bob' })).reply).toMatch(/^250 /);
    await Promise.all(crowd);
    expect(upstream.peak).toBe(5);
    expect(upstream.taken).toHaveLength(CLIENTS);
  });

  test('who finds no free connection hears 451 4.7.0 when maxWait is over, not before', async () => {
    await start({ maxConnections: 3, maxConnectionsPerUser: 3, maxWait: 1_000 });
    // The three that have one keep it until all others have been told.
    const { promise, resolve } = Promise.withResolvers<void>();
    upstream.held = promise;
    let told = 0;
    const one = async (client: SmtpClient, number: number): Promise<Sent> => {
      const sent = await sendOne(client, { number, kind: 'good' });
      told += 1;
      if (told === CLIENTS - 3) resolve();
      return sent;
    };
    const sent = await Promise.all(clients.map(one));
    expectExact(sent);
    const no = refused(sent);
    expect(no).toHaveLength(CLIENTS - 3);
    for (const { reply } of no) expect(reply).toMatch(/^451 4\.7\.0 Mail server is busy/);
    expect(Math.min(...no.map(({ waited }) => waited))).toBeGreaterThanOrEqual(990);
    expect(upstream.peak).toBe(3);
  });
});

describe('messages a minute, the clock of which is set forward', () => {
  let ahead = 0;
  beforeEach(() => {
    ahead = 0;
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + ahead);
  });
  afterEach(() => void vi.restoreAllMocks());

  /** In no 60 seconds of the upstream's were there more. */
  function expectNeverMore(limit: number): void {
    for (const account of new Set(upstream.taken.map((each) => each.account))) {
      const times = upstream.taken.filter((each) => each.account === account).map(({ at }) => at);
      for (const [index, at] of times.entries()) {
        const further = times[index + limit];
        if (further !== undefined) expect(further - at).toBeGreaterThan(60_000);
      }
    }
  }

  test('of one account: so many, the others hear 451 4.7.0, and a minute later so many again', async () => {
    await start({ maxMessagesPerMinute: 30, maxWait: 1_000 });
    for (let minute = 1; minute <= 3; minute += 1) {
      const sent = await sendAll();
      const no = refused(sent);
      expect(no).toHaveLength(CLIENTS - 30);
      for (const { reply, waited } of no) {
        expect(reply).toMatch(/^451 4\.7\.0 Mail server takes no more for now/);
        expect(waited).toBeLessThan(20_000);
      }
      expect(upstream.taken).toHaveLength(30 * minute);
      ahead += 60_001 + 5_000 * minute;
    }
    expectNeverMore(30);
  });

  test('of each mailbox by itself, whatever token opens it', async () => {
    const kinds = ['good', 'bob'];
    await start(
      { oauth: OAUTH, maxMessagesPerMinute: 30, maxConnectionsPerAccount: 3, maxWait: 10_000 },
      kinds,
    );
    const sent = await sendAll(kinds);
    expect(refused(sent)).toHaveLength(CLIENTS - 60);
    expectExact(sent);
    expectNeverMore(30);
    expect([...upstream.peakOf.values()]).toEqual([3, 3]);
  });

  test('who waits gets the turns that others leave unused', async () => {
    await start({ maxMessagesPerMinute: 2, maxWait: 10_000 });
    const [one, two, three] = clients as [SmtpClient, SmtpClient, SmtpClient];
    for (const client of [one, two])
      expect(await client.command('MAIL FROM:<alice@example.org>')).toEqual([expect.stringMatching(/^250 /)]);
    const waiting = sendOne(three, { number: 3, kind: 'good' });
    expect(await one.command('RSET')).toEqual([expect.stringMatching(/^250 /)]);
    expect((await waiting).reply).toMatch(/^250 /);
    two.destroy();
    expect((await sendOne(one, { number: 4, kind: 'good' })).reply).toMatch(/^250 /);
    expect((await sendOne(three, { number: 5, kind: 'good' })).reply).toMatch(/^451 4\.7\.0 /);
    expect(upstream.taken).toHaveLength(2);
  });
});
