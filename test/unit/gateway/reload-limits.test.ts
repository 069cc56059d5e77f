// The limits of an upstream over a reload: its server counts the last messages of the earlier settings too, and so does Postern.

import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type CountingUpstream, startCountingUpstream } from '../../support/counting-upstream.ts';
import { startScriptedUpstream } from '../../support/scripted-upstream.ts';
import type { SmtpClient } from '../../support/smtp-client.ts';
import {
  APP,
  busyPort,
  type Change,
  ENVELOPE,
  expectCode,
  MESSAGE,
  type ReloadSituation,
  say,
  startReloadSituation,
} from './reload-situation.ts';

const [MAIL = ''] = ENVELOPE;
const BUSY = '451 4\\.7\\.0 Mail server is busy';
const ENOUGH = '451 4\\.7\\.0 Mail server takes no more for now';

let server: CountingUpstream;
beforeEach(async () => {
  server = await startCountingUpstream();
});
afterEach(() => server.close());

/** These settings of the upstream, besides the few that a limit must not wait for. */
const upstream =
  (settings: Readonly<Record<string, unknown>>): Change =>
  (all) => {
    const { maxConnections: maxConnectionsPerUser = 50 } = settings;
    Object.assign(all.upstream, { port: server.port, maxWait: '300ms', maxConnectionsPerUser }, settings);
  };

async function send(client: SmtpClient): Promise<void> {
  await say(client, ENVELOPE);
  await client.write(`${MESSAGE}.\r\n`);
  await expectCode(client.readReply(), '250');
}

async function sendAnew({ open }: ReloadSituation): Promise<void> {
  const client = await open();
  await send(client);
  client.destroy();
}

async function expectNo({ open }: ReloadSituation, reply: string): Promise<void> {
  const client = await open();
  await expectCode(client.command(MAIL), reply);
  client.destroy();
}

describe('messages a minute, the clock of which is set forward', () => {
  let ahead = 0;
  beforeEach(() => {
    ahead = 0;
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + ahead);
  });
  afterEach(() => void vi.restoreAllMocks());

  test('go on being counted: a reload gives no new ones, a higher limit those between, a lower one none', async () => {
    const perMinute = (maxMessagesPerMinute: number): Change => upstream({ maxMessagesPerMinute });
    const situation = await startReloadSituation(perMinute(3));
    for (let count = 0; count < 3; count += 1) await sendAnew(situation);
    await expectNo(situation, ENOUGH);
    await situation.reload(perMinute(3));
    await expectNo(situation, ENOUGH);
    await situation.reload(perMinute(5));
    for (let count = 0; count < 2; count += 1) await sendAnew(situation);
    await expectNo(situation, ENOUGH);
    await situation.reload(perMinute(2));
    await expectNo(situation, ENOUGH);
    ahead += 60_001;
    for (let count = 0; count < 2; count += 1) await sendAnew(situation);
    await expectNo(situation, ENOUGH);
    expect(server.taken).toHaveLength(7);
  });

  test('count a message that a session of before the reload has under way, and give its turn back where it is given up', async () => {
    const one = upstream({ maxMessagesPerMinute: 1 });
    const situation = await startReloadSituation(one);
    const before = await situation.open();
    await say(before, ENVELOPE.slice(0, 2));
    await situation.reload(one);
    await expectNo(situation, ENOUGH);
    await before.write('RSET\r\n');
    await expectCode(before.readReply(), '421');
    await sendAnew(situation);
    expect(server.taken).toHaveLength(1);
  });

  test('count for the account at the server, whatever its section is called', async () => {
    const login = { user: 'gate', password: { file: 'secret' } };
    const signedIn = await startScriptedUpstream({ login: { user: 'gate', password: APP.secret } });
    onTestFinished(() => signedIn.close());
    const named =
      (id: string): Change =>
      (all) => {
        delete all.upstream;
        const { host, port } = signedIn;
        all.upstreams = [{ id, host, port, login, tls: 'none', maxMessagesPerMinute: 1, maxWait: '300ms' }];
      };
    const situation = await startReloadSituation(named('one'));
    await sendAnew(situation);
    await situation.reload(named('two'));
    await expectNo(situation, ENOUGH);
  });
});

describe('connections', () => {
  test('in use from before the reload leave no more than the rest to later sessions', async () => {
    const two = upstream({ maxConnections: 2 });
    const situation = await startReloadSituation(two);
    const before = [await situation.open(), await situation.open()];
    for (const client of before) await say(client, ENVELOPE);
    await situation.reload(two);
    await expectNo(situation, BUSY);
    const [first, second] = before as [SmtpClient, SmtpClient];
    await first.write(`${MESSAGE}.\r\n`);
    await expectCode(first.readReply(), '250');
    await sendAnew(situation);
    await second.write(`${MESSAGE}.\r\n`);
    await expectCode(second.readReply(), '250');
    for (let count = 0; count < 3; count += 1) await sendAnew(situation);
    expect(server.taken).toHaveLength(6);
    expect(server.peak).toBe(2);
  });

  test('all in use from before the reload are no reason to call the upstream gone, nor to forget what it offers', async () => {
    const one = upstream({ maxConnections: 1, maxWait: '20s' });
    const situation = await startReloadSituation(one);
    const before = await situation.open();
    await say(before, ENVELOPE);
    await situation.reload(one);
    const client = await situation.connect('relay');
    await client.readReply();
    expect(await client.command('EHLO client.example')).toContain('250-8BITMIME');
    const since = performance.now();
    expect((await fetch(`http://127.0.0.1:${situation.ports.pages}/ready`)).status).toBe(200);
    expect(performance.now() - since).toBeLessThan(5_000);
  });

  test('kept from before the reload make way, one for one', async () => {
    const two = upstream({ maxConnections: 2 });
    const situation = await startReloadSituation(two);
    const before = [await situation.open(), await situation.open()];
    for (const client of before) await say(client, ENVELOPE.slice(0, 1));
    const [busy, idle] = before as [SmtpClient, SmtpClient];
    await say(idle, ['RSET']);
    await situation.reload(two);
    await sendAnew(situation);
    await say(busy, ENVELOPE.slice(1));
    await busy.write(`${MESSAGE}.\r\n`);
    await expectCode(busy.readReply(), '250');
    expect(server.peak).toBe(2);
  });

  test('of ten reloads, a session busy from before each of them, never pass the limit', async () => {
    const three = upstream({ maxConnections: 3, maxWait: '20s' });
    const situation = await startReloadSituation((all) => {
      all.submission.drainTimeout = '1m';
      three(all);
    });
    server.delay = 30;
    const sent: Promise<boolean>[] = [];
    const isSent = async (): Promise<boolean> => {
      // Those that were not yet in a message when their generation ended hear 421, and are none of ours.
      return situation
        .open()
        .then(send)
        .then(
          () => true,
          () => false,
        );
    };
    for (let round = 0; round < 10; round += 1) {
      for (let count = 0; count < 4; count += 1) sent.push(isSent());
      await pause(50);
      await situation.reload(three);
    }
    const through = (await Promise.all(sent)).filter(Boolean);
    expect(through.length).toBeGreaterThan(10);
    expect(server.taken).toHaveLength(through.length);
    expect(server.peak).toBe(3);
  });
});

test('a reload that is refused changes no limit', async () => {
  const situation = await startReloadSituation(upstream({ maxConnections: 1 }));
  const taken = await situation.open();
  await say(taken, ENVELOPE);
  const busy = await busyPort();
  const refused = situation.reload(upstream({ maxConnections: 9 }), ({ submission }) => {
    submission.listeners[0].listen = `127.0.0.1:${busy}`;
  });
  await expect(refused).rejects.toThrow();
  await expectNo(situation, BUSY);
});
