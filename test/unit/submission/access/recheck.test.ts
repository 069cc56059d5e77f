// A live session asks whether its token is still good: when, how often, and what the client and the journal hear of the answer.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Refusal, refuse } from '../../../../src/refusal.ts';
import { Secret } from '../../../../src/setting.ts';
import { keepRechecking } from '../../../../src/submission/access/recheck.ts';
import { leakedSecrets } from '../../../support/leaked-secrets.ts';
import type { SmtpClient } from '../../../support/smtp-client.ts';
import { connectTo, openSession, signIn } from '../../../support/smtp-session.ts';
import { startTestGateway, type TestGateway } from '../../../support/test-gateway.ts';
import { introspectionSettings } from '../../../support/tokens.ts';

describe('the timer', () => {
  const MINUTE = 60_000;
  let checks: PromiseWithResolvers<Refusal | undefined>[];
  let refused: Refusal[];
  let stop: () => void;

  beforeEach(() => {
    vi.useFakeTimers();
    checks = [];
    refused = [];
    stop = begin();
  });
  afterEach(() => {
    stop();
    vi.useRealTimers();
  });

  function begin(until = Number.POSITIVE_INFINITY): () => void {
    const check = () => {
      const asking = Promise.withResolvers<Refusal | undefined>();
      checks.push(asking);
      return asking.promise;
    };
    const onRefused = (refusal: Refusal) => void refused.push(refusal);
    return keepRechecking({ recheck: { every: MINUTE, check }, until, now: Date.now, onRefused });
  }

  test('asks again at the latest after three quarters of the interval, so that an answer a quarter old still serves', async () => {
    for (let round = 1; round <= 5; round += 1) {
      await vi.advanceTimersByTimeAsync(MINUTE / 2 - 1);
      expect(checks).toHaveLength(round - 1);
      await vi.advanceTimersByTimeAsync(MINUTE / 4 + 1);
      expect(checks).toHaveLength(round);
      checks[round - 1]?.resolve(undefined);
      // The next wait begins here.
      await vi.advanceTimersByTimeAsync(0);
    }
  });

  test('a thousand sessions that begin together do not ask together', async () => {
    const stops = Array.from({ length: 1000 }, () => begin());
    await vi.advanceTimersByTimeAsync(MINUTE / 2);
    let [before, most] = [0, 0];
    for (let second = 0; second < 15; second += 1) {
      await vi.advanceTimersByTimeAsync(1000);
      most = Math.max(most, checks.length - before);
      before = checks.length;
    }
    expect(checks).toHaveLength(1001);
    // 67 on average.
    expect(most).toBeLessThan(130);
    for (const each of stops) each();
  });

  test('never asks twice at once, however long the answer takes', async () => {
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(checks).toHaveLength(1);
  });

  test('a refusal is told once and ends it', async () => {
    await vi.advanceTimersByTimeAsync(MINUTE);
    checks[0]?.resolve(refuse('token-revoked', 'no longer active'));
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(refused).toEqual([refuse('token-revoked', 'no longer active')]);
    expect(checks).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('after the session nothing is asked, and an answer on its way is not heard', async () => {
    await vi.advanceTimersByTimeAsync(MINUTE);
    stop();
    checks[0]?.resolve(refuse('token-revoked', 'no longer active'));
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(refused).toEqual([]);
    expect(checks).toHaveLength(1);
    stop = begin();
    stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('a token that has ended is not asked about: its issuer would say no', async () => {
    stop();
    stop = begin(Date.now() + MINUTE / 4);
    await vi.advanceTimersByTimeAsync(10 * MINUTE);
    expect(checks).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a session', () => {
  const ENDPOINT = 'https://idp.example.org/introspect';
  const EVERY = 40;
  let gateway: TestGateway;
  let client: SmtpClient;
  let asked: Request[];
  let answer: () => Response;

  async function start(whileUnavailable: 'keep' | 'end'): Promise<void> {
    asked = [];
    answer = () => Response.json({ active: true });
    const clientSecret = new Secret('the-secret-of-postern-at-the-issuer');
    const settings = introspectionSettings({
      endpoint: ENDPOINT,
      clientSecret,
      every: EVERY,
      whileUnavailable,
    });
    gateway = await startTestGateway({
      introspection: {
        settings,
        answer(request) {
          asked.push(request);
          return answer();
        },
      },
    });
    client = await openSession(gateway, 'implicit', 'good');
  }

  afterEach(async () => {
    client.destroy();
    await gateway.close();
    const sent = await Promise.all(asked.map(async (request) => new URLSearchParams(await request.text())));
    const secrets = [...sent.map((form) => form.get('token') ?? ''), 'the-secret-of-postern-at-the-issuer'];
    expect(secrets.length).toBeGreaterThan(1);
    expect(leakedSecrets(gateway.journal, secrets)).toEqual([]);
  });

  /** Lets the answers so far grow old, and waits for the next question. */
  async function question(): Promise<void> {
    const before = asked.length;
    await vi.waitFor(() => {
      gateway.advanceClock(EVERY);
      expect(asked.length).toBeGreaterThan(before);
    }, 20_000);
  }

  const events = (name: string) =>
    gateway.journal.map((line) => JSON.parse(line)).filter(({ event }) => event === name);

  test('ends when its issuer says so, with the cause in the journal', async () => {
    await start('keep');
    await question();
    expect((await client.command('NOOP'))[0]).toMatch(/^250/);
    answer = () => Response.json({ active: false });
    await question();
    expect((await client.readReply())[0]).toMatch(/^421 4\.7\.0 Access was revoked, sign in again/);
    await client.readEnd();
    expect(events('sessionRevoked')).toMatchObject([
      { user: 'alice@example.org', cause: 'its issuer says that the token is no longer active' },
    ]);
    expect(await gateway.sessions.list()).toEqual([]);
  });

  test('in mid-body: nothing of the message goes through', async () => {
    await start('keep');
    await client.command('MAIL FROM:<alice@example.org>');
    await client.command('RCPT TO:<bob@example.net>');
    expect((await client.command('DATA'))[0]).toMatch(/^354/);
    await client.write('From: alice@example.org\r\nSubject: x\r\n\r\nText\r\n');
    await gateway.upstream.received('Text');
    answer = () => Response.json({ active: false });
    await question();
    await expect.poll(() => events('sessionRevoked')).toHaveLength(1);
    await client.write('more\r\n.\r\n');
    expect((await client.readReply())[0]).toMatch(/^421 4\.7\.0/);
    expect(gateway.upstream.accepted).toEqual([]);
  });

  test('goes on while its issuer is away, where the operator wants that', async () => {
    await start('keep');
    answer = () => new Response(null, { status: 503 });
    await question();
    await question();
    expect((await client.command('NOOP'))[0]).toMatch(/^250/);
    expect(events('sessionRevoked')).toEqual([]);
    expect(events('recheckFailed')).toMatchObject([
      { issuer: 'https://idp.example.org', reason: expect.stringContaining('status 503') },
    ]);
  });

  test('ends when its issuer is away, where the operator wants that', async () => {
    await start('end');
    answer = () => new Response(null, { status: 503 });
    await question();
    expect((await client.readReply())[0]).toMatch(/^421 4\.7\.0/);
    expect(events('sessionRevoked')).toMatchObject([
      { cause: expect.stringMatching(/^"https:\/\/idp\.example\.org" can't be asked .*status 503$/) },
    ]);
  });

  test('of Postern’s own token asks nobody', async () => {
    await start('end');
    const other = await connectTo(gateway, 'implicit');
    await signIn(gateway, other, 'own');
    answer = () => Response.json({ active: false });
    await question();
    expect((await client.readReply())[0]).toMatch(/^421/);
    expect((await other.command('NOOP'))[0]).toMatch(/^250/);
    other.destroy();
  });

  /** Of the first session; the questions of another one tell that time has passed. */
  async function expectSilence(): Promise<void> {
    const first = await asked[0]?.clone().text();
    const before = asked.length;
    const other = await openSession(gateway, 'implicit', 'bob');
    for (let round = 0; round < 3; round += 1) await question();
    other.destroy();
    const later = await Promise.all(asked.slice(before).map((request) => request.clone().text()));
    expect(later.length).toBeGreaterThan(2);
    expect(later).not.toContain(first);
  }

  test('that is over asks no more', async () => {
    await start('keep');
    await question();
    await client.command('QUIT');
    await client.readEnd();
    await expect.poll(() => events('sessionClosed')).toHaveLength(1);
    await expectSilence();
  });

  test('that has lost trust asks no more, though it is still open', async () => {
    await start('keep');
    await client.command('MAIL FROM:<alice@example.org>');
    await question();
    const [session] = await gateway.sessions.list();
    await gateway.sessions.end(session?.id ?? '', 'by hand');
    await expectSilence();
    expect(events('sessionClosed')).toEqual([]);
  });
});
