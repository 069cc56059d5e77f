// The mail commands of one session: what an end of trust finds under way, and what the client will hear of it.

import { expect, test } from 'vitest';
import { refuse } from '../../../src/refusal.ts';
import { beginMail } from '../../support/mail-situation.ts';

const ENVELOPE = 'MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n';
const HEADER = 'From: alice@example.org\r\n\r\n';

test.each<[string, string, 'in-transaction' | 'in-message' | undefined, boolean]>([
  ['outside a transaction', '', undefined, false],
  ['in the envelope', ENVELOPE, 'in-transaction', false],
  ['by DATA', `${ENVELOPE}DATA\r\n${HEADER}`, 'in-message', true],
  ['in a chunk', `${ENVELOPE}BDAT 99\r\n${HEADER}`, 'in-message', true],
  ['between two chunks', `${ENVELOPE}BDAT ${HEADER.length}\r\n${HEADER}`, 'in-message', false],
  ['in the second chunk', `${ENVELOPE}BDAT ${HEADER.length}\r\n${HEADER}BDAT 9 LAST\r\n`, 'in-message', true],
  ['behind a chunk that was refused', `${ENVELOPE}BDAT 1\r\n\n`, 'in-transaction', false],
  ['behind a message', `${ENVELOPE}BDAT ${HEADER.length} LAST\r\n${HEADER}`, undefined, false],
])(
  '%s: the client hears of an end of trust with the message’s verdict, or not',
  async (_where, bytes, state, hears) => {
    const { mail, write, exchange } = beginMail();
    await write(bytes);
    expect(mail.state).toBe(state);
    expect(mail.interrupt(refuse('session-revoked', 'by hand'))).toBe(hears);
    expect(exchange().messages).toHaveLength(state === undefined && bytes !== '' ? 1 : 0);
  },
);
