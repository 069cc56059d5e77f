// SMTP smuggling through Postern to real mail servers: one message in is one message out, or none, and never somebody else's.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { visible } from '../support/dialogue-text.ts';
import type { SmtpClient } from '../support/smtp-client.ts';
import {
  BARE_LF_INJECTION,
  COMMAND_INJECTIONS,
  FALSE_ENDS,
  PUBLISHED_ENDS,
  TRUE_END,
  UNICODE_ENDS,
} from '../support/smuggling.ts';
import {
  ADMIN,
  ALICE,
  ATTACK,
  beginMessage,
  EXIM,
  envelope,
  HEADER,
  OPENSMTPD,
  POSTFIX,
  REFUSED,
  SENDER,
  SENDMAIL,
} from './attacked-servers.ts';
import { expectCode } from './session.ts';
import { read } from './submit.ts';
import { openTwoWays, type TwoWays } from './two-ways.ts';

describe.each([POSTFIX, EXIM, SENDMAIL, OPENSMTPD])('$name', ({ name, startServer }) => {
  let ways: TwoWays;
  let client: SmtpClient;

  beforeAll(async () => {
    ways = await openTwoWays({ startServer, submission: { maxCommandErrors: 1_000_000 } });
    client = await ways.connect('through');
  });
  afterAll(async () => {
    client?.destroy();
    await ways?.close();
  });

  /** One message through Postern. That NOOP gets its own reply shows that nothing else in it was answered. */
  async function send(...pieces: readonly string[]): Promise<string> {
    await beginMessage(client);
    await client.writeParts(pieces);
    const reply = await read(client);
    expect(await client.command('NOOP')).toEqual(['250 2.0.0 OK']);
    return reply;
  }

  describe('itself', () => {
    /** Says it all in one go, as an attacker's message would lie in the server's buffer, and reads until the server hangs up. */
    async function attack(text: string): Promise<void> {
      const victim = await ways.connect('direct');
      await beginMessage(victim);
      await victim.write(`${text}${TRUE_END}QUIT\r\n`);
      while ((await read(victim)) !== 'closed');
      victim.destroy();
    }

    test('is seen to get two messages where there are two', async () => {
      const { arrivals } = await ways.arrivalsOf(async () => {
        const direct = await ways.connect('direct');
        for (const from of [SENDER, ADMIN]) {
          await beginMessage(direct, from);
          await direct.write(`${HEADER}\r\ntext${TRUE_END}`);
          expectCode(await direct.readReply(), 250);
        }
        direct.destroy();
      });
      expect(arrivals.map(({ mailFrom }) => mailFrom).toSorted()).toEqual([ADMIN, SENDER]);
    });

    // The others have been mended (CVE-2023-51765, -51766), or answer commands that lie ready behind the end with 500 (OpenSMTPD).
    if (name === 'Postfix') {
      test('falls for it, where it takes any line end for one', async () => {
        const { arrivals } = await ways.arrivalsOf(() => attack(`${HEADER}\r\nfirst\n.\r\n${ATTACK}`));
        expect(arrivals.map(({ mailFrom }) => mailFrom).toSorted()).toEqual([ADMIN, SENDER]);
      });
    }
  });

  test(`gets nothing of ${FALSE_ENDS.length} false ends, in body and header`, async () => {
    const { arrivals } = await ways.arrivalsOf(async () => {
      for (const end of FALSE_ENDS) {
        for (const place of ['\r\n', '']) {
          const reply = await send(`${HEADER}${place}first${end}${ATTACK}${TRUE_END}`);
          expect([visible(end), reply]).toEqual([visible(end), expect.stringMatching(REFUSED)]);
        }
      }
    });
    expect(arrivals.map(envelope)).toEqual([]);
  });

  test.each(PUBLISHED_ENDS)(
    'gets nothing of $bytes when it has begun to take the message ($source)',
    async ({ bytes }) => {
      const { arrivals } = await ways.arrivalsOf(async () => {
        const rest = `${bytes}${ATTACK}${TRUE_END}`;
        for (const cut of [0, 1, bytes.length - 1]) {
          // The header by itself, so that Postern has let it through when the attack comes.
          const reply = await send(`${HEADER}\r\nfirst`, rest.slice(0, cut), rest.slice(cut));
          expect(reply).toMatch(REFUSED);
        }
      });
      expect(arrivals.map(envelope)).toEqual([]);
    },
  );

  test('gets one message for each that only looks like two', async () => {
    const bodies = [
      ...UNICODE_ENDS.map((end) => `first${end}${ATTACK}`),
      ...['..', '...', '. ', ' .', '.\t', '.x', '..\r\n..'].map((line) => `first\r\n${line}\r\n${ATTACK}`),
      `..\r\n${ATTACK}`,
      `first\r\n\r\n\r\n${ATTACK}\r\n..`,
    ];
    const { arrivals } = await ways.arrivalsOf(async () => {
      for (const body of bodies) {
        expectCode([await send(`${HEADER}\r\n`, ...(body.match(/[\s\S]{1,7}/g) ?? []), TRUE_END)], 250);
      }
    });
    expect(arrivals.map(envelope)).toEqual(bodies.map(() => [SENDER, ALICE]));
    const texts = arrivals.map((arrival) => arrival.content().toString('latin1'));
    const expected = bodies.map((body) => `\r\n\r\n${body.replace(/(^|\r\n)\./g, '$1')}\r\n`);
    expect(expected.filter((end) => !texts.some((text) => text.endsWith(end)))).toEqual([]);
  });

  async function expectNoFurtherRecipient(injections: typeof COMMAND_INJECTIONS): Promise<void> {
    let hungUp = 0;
    const utf8 = (await ways.offered('through')).has('SMTPUTF8') ? ' SMTPUTF8' : '';
    const { arrivals } = await ways.arrivalsOf(async () => {
      for (const inject of injections) {
        expectCode(await client.command(`MAIL FROM:<${SENDER}>${utf8}`), 250);
        expectCode(await client.command(`RCPT TO:<${ALICE}>`), 250);
        await client.write(Buffer.from(`${inject('RCPT TO:<bob@example.org>')}\r\nHELP\r\n`));
        let reply = await read(client);
        while (!/^(214|421)/.test(reply)) reply = await read(client);
        if (reply.startsWith('421')) {
          hungUp += 1;
          client.destroy();
          client = await ways.connect('through');
          continue;
        }
        expectCode(await client.command('DATA'), 354);
        await client.write(`${HEADER}\r\ntext${TRUE_END}`);
        expectCode(await client.readReply(), 250);
      }
    });
    expect(arrivals).toHaveLength(injections.length - hungUp);
    // Quoted, it may stand in an address: what matters is that there is no command for it.
    const commands = arrivals.flatMap((arrival) => arrival.commands);
    expect(commands.filter((command) => /^RCPT TO: ?<bob@/i.test(command))).toEqual([]);
  }

  test('gets no recipient out of another one’s address', () => expectNoFurtherRecipient(COMMAND_INJECTIONS));

  test('gets no recipient out of another one’s address, behind a bare LF', () =>
    expectNoFurtherRecipient([BARE_LF_INJECTION]));
});
