// Every kind of message, to real mail servers directly and through Postern: the same bytes, the same envelope, the same answers.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EDITED, expectSame, type Outcome } from './comparison.ts';
import { startExim } from './exim.ts';
import type { MailServer } from './mail-server.ts';
import { KINDS } from './messages/all.ts';
import type { Kind } from './messages/kind.ts';
import { REFUSED } from './messages/refused.ts';
import { startOpenSmtpd } from './opensmtpd.ts';
import { KNOWN, startPostfix } from './postfix.ts';
import { startSendmail } from './sendmail.ts';
import { submit } from './submit.ts';
import { type Direction, openTwoWays, type TwoWays } from './two-ways.ts';
import { writtenRows } from './written-differences.ts';

/** What is sent to the others too. */
const ORDINARY = new Set([
  '7-bit text',
  '8-bit text',
  'every way a dot can stand',
  '10,000 short lines that all begin with a dot',
  'every octet but NUL, CR and LF',
  'no final newline',
  'a header and nothing behind it, not even a blank line',
  'a line of 5,000 octets',
  'no Date and no Message-ID',
  'Bcc, Return-Path and Content-Length',
  'the empty sender',
  'a mailing to 500, of whom 50 are unknown and 10 are full',
  'every DSN parameter',
  'an address and a header in UTF-8',
  '25 MB',
  'one chunk',
  'a chunk for every octet around the line ends',
  'a header cut in the middle of a name',
  '5 MB in chunks of 500 kB',
]);

const ordinary = KINDS.filter(({ name }) => ORDINARY.has(name));
const SERVERS = [
  { name: 'Postfix', startServer: startPostfixForMany, kinds: KINDS },
  { name: 'Exim', startServer: startExim, kinds: ordinary },
  { name: 'Sendmail', startServer: startSendmail, kinds: ordinary },
  { name: 'OpenSMTPD', startServer: startOpenSmtpd, kinds: ordinary },
];

function startPostfixForMany({ sink }: { sink: number }): Promise<MailServer> {
  const known = [...KNOWN, 'üser@example.org'].map((address) => `{ ${address} = inbox }`);
  return startPostfix({
    sink,
    settings: {
      virtual_mailbox_maps: `inline:{ ${known.join(', ')} }, regexp:{ { /^reader[0-9]+@example\\.org$$/ inbox } }`,
      // One message at the far end for each at the near one.
      smtp_destination_recipient_limit: '1000',
      // Sixty refused recipients are no attack here.
      smtpd_soft_error_limit: '1000',
      smtpd_hard_error_limit: '1001',
    },
  });
}

test('the others get what there is', () => expect(ordinary).toHaveLength(ORDINARY.size));

test('docs/differences.md names no kind of message that is not sent', () => {
  const names = new Set(KINDS.map(({ name }) => name));
  expect(EDITED.filter((name) => !names.has(name))).toEqual([]);
});

describe.each(SERVERS)('$name gets and says the same', ({ startServer, kinds }) => {
  let ways: TwoWays;
  let offered: Readonly<Record<Direction, ReadonlySet<string>>>;

  beforeAll(async () => {
    ways = await openTwoWays({ startServer });
    offered = { direct: await ways.offered('direct'), through: await ways.offered('through') };
  });
  afterAll(() => ways?.close());

  async function send(kind: Kind, way: Direction): Promise<Outcome> {
    const client = await ways.connect(way);
    try {
      const { result, arrivals } = await ways.arrivalsOf(() =>
        submit(client, kind, { pipelining: offered[way].has('PIPELINING') }),
      );
      return { answers: result, arrivals };
    } finally {
      client.destroy();
    }
  }

  test.each(kinds)('of $name', async (kind) => {
    const lacking = (kind.needs ?? []).filter((keyword) => !offered.direct.has(keyword));
    if (lacking.length > 0) {
      expect(lacking.filter((keyword) => offered.through.has(keyword))).toEqual([]);
      return;
    }
    const direct = await send(kind, 'direct');
    const through = await send(kind, 'through');
    expectSame(kind, { direct, through });
    const taken = direct.answers.recipients.filter((answer) => answer.startsWith('2'));
    expect(direct.arrivals.flatMap(({ recipients }) => recipients)).toHaveLength(taken.length);
  });

  // How others judge such a message is their own affair.
  if (kinds !== KINDS) return;

  test('of nothing that Postern refuses, as docs/differences.md has it', async () => {
    const found: string[][] = [];
    for (const kind of REFUSED) {
      const direct = await send(kind, 'direct');
      const through = await send(kind, 'through');
      expect([kind.name, direct.arrivals.length, through.arrivals.length]).toEqual([kind.name, 1, 0]);
      found.push([kind.name, verdict(through), verdict(direct)]);
    }
    expect(found).toEqual(writtenRows('Messages that are refused'));
  });
});

/** Code and enhanced code of the last answer. */
function verdict({ answers }: Outcome): string {
  const [, code, enhanced] = /^(\d{3}) (\d\.\d+\.\d+)/.exec(answers.message.at(-1) ?? '') ?? [];
  return `${code} ${enhanced}`;
}
