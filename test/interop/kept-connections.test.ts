// The connections that Postern keeps to real mail servers, as these are set up by default: whoever is served over one that others have
// used must not notice it.

import { afterAll, describe, expect, test } from 'vitest';
import type { SmtpClient } from '../support/smtp-client.ts';
import { startExim } from './exim.ts';
import type { MailServer } from './mail-server.ts';
import { startPostfix } from './postfix.ts';
import { expectCode } from './session.ts';
import { submit } from './submit.ts';
import { openTwoWays, type TwoWays } from './two-ways.ts';

const MAIL = 'MAIL FROM:<app@example.org>';
const ALICE = '<alice@example.org>';
const MESSAGE = Buffer.from('From: app@example.org\r\nTo: alice@example.org\r\nSubject: x\r\n\r\ntext\r\n');

const open: TwoWays[] = [];
afterAll(async () => {
  for (const ways of open) await ways.close();
});

async function openWays(startServer: (given: { sink: number }) => Promise<MailServer>): Promise<TwoWays> {
  const ways = await openTwoWays({ startServer });
  open.push(ways);
  return ways;
}

describe('Postfix, which counts the errors of a connection', () => {
  // smtpd_soft_error_limit = 10, smtpd_hard_error_limit = 20. Not yet so: the next client is delayed by a second for each recipient, good
  // or bad, and then told that the mail server is not reachable.
  test('a client does not pay for the unknown recipients of those before it', async () => {
    const ways = await openWays((given) =>
      startPostfix({ ...given, settings: { smtpd_error_sleep_time: '0' } }),
    );
    const heard: string[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      const client = await ways.connect('through');
      expectCode(await client.command(MAIL), 250);
      for (let at = 0; at < 8; at += 1) expectCode(await client.command('RCPT TO:<nobody@example.org>'), 550);
      heard.push(...(await client.command(`RCPT TO:${ALICE}`)));
      expectCode(await client.command('QUIT'), 221);
      client.destroy();
    }
    expect(heard.map((line) => line.slice(0, 3))).toEqual(['250', '250', '250', '250']);
  });
});

describe('Exim, which counts connections and their messages', () => {
  // smtp_accept_queue_per_connection = 10. Not yet so: the eleventh lies in Exim's queue until its next run, on Debian for half an hour.
  test('the eleventh message is delivered at once, like the first', async () => {
    const ways = await openWays((given) =>
      startExim({ ...given, settings: { smtp_accept_queue_per_connection: '10' } }),
    );
    for (let at = 0; at < 12; at += 1) {
      const client = await ways.connect('through');
      await submit(client, { mailFrom: '<app@example.org>', recipients: [ALICE], message: MESSAGE });
      client.destroy();
    }
    // Not "until the queue is empty", for it would not be: the journal tells.
    expect(ways.server.log()).not.toContain('no immediate delivery');
  });

  // smtp_accept_max = 20. Not yet so: the mail server is said to be not reachable, to the client and to whoever asks for readiness.
  test('a message waits while Exim takes no further connection', async () => {
    const ways = await openWays((given) => startExim({ ...given, settings: { smtp_accept_max: '20' } }));
    const busy: SmtpClient[] = [];
    while (busy.length < 20) {
      const client = await ways.connect('through');
      expectCode(await client.command(MAIL), 250);
      busy.push(client);
    }
    const late = await ways.connect('through');
    const answer = late.command(MAIL);
    const ready = await fetch(`${ways.gate.health}/ready`);
    expectCode((await busy[0]?.command('RSET')) ?? [], 250);
    expectCode(await answer, 250);
    expect(ready.status).toBe(200);
    for (const client of [...busy, late]) client.destroy();
  });
});
