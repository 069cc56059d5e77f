// Owns the messages with a remarkable envelope: nobody, many, unknown ones, and every parameter.

import { ALICE, BOB, HEADER, type Kind, lines, MIME, plain, SENDER, to } from './kind.ts';

export const ENVELOPES: readonly Kind[] = [
  { name: 'the empty sender', mailFrom: '<>', recipients: [ALICE], message: plain('A receipt') },
  {
    name: 'a mailing to 500, of whom 50 are unknown and 10 are full',
    mailFrom: SENDER,
    recipients: Array.from({ length: 500 }, (_, at) => {
      if (at % 50 === 7) return '<full@example.org>';
      return at % 10 === 3 ? `<unknown${at}@example.org>` : `<reader${at}@example.org>`;
    }),
    message: plain('Hello, all of you'),
  },
  {
    name: 'nobody but unknown recipients',
    ...to('<nobody@example.org>', '<full@example.org>'),
    message: plain('x'),
  },
  {
    name: 'every DSN parameter',
    needs: ['DSN'],
    mailFrom: `${SENDER} RET=HDRS ENVID=QQ314159+2Bx`,
    recipients: [
      `${ALICE} NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Alice+2BShop@example.net`,
      `${BOB} NOTIFY=NEVER`,
    ],
    message: plain('DSN'),
  },
  {
    name: 'other DSN parameters',
    needs: ['DSN'],
    mailFrom: `${SENDER} ENVID=<id@client.example.org> RET=FULL`,
    recipients: [
      `${ALICE} NOTIFY=DELAY`,
      `<nobody@example.org> NOTIFY=SUCCESS`,
      `${BOB} ORCPT=rfc822;bob@example.org`,
    ],
    message: plain('DSN'),
  },
  {
    name: 'an address and a header in UTF-8',
    needs: ['SMTPUTF8', '8BITMIME'],
    mailFrom: `${SENDER} SMTPUTF8 BODY=8BITMIME`,
    recipients: ['<üser@example.org>', ALICE],
    message: lines('To: Üser <üser@example.org>', 'X-Subject: 日本語', ...HEADER, ...MIME, '', 'Grüße'),
  },
];
