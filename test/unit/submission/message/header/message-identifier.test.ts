// Which Message-ID fields hold an identifier.

import { describe, expect, test } from 'vitest';
import { isMessageId } from '../../../../../src/submission/message/header/message-identifier.ts';
import { processorTime } from '../../../../support/processor-time.ts';

describe('an identifier', () => {
  test.each([
    ['RFC 5322 §3.6.4', ' <1234@local.machine.example>'],
    ['of a UUID', '<d1f5a6d2-9a43-4f9d-8a3b-0b3f0a4f2a11@example.org>'],
    ['of Exchange', '<DB7PR01MB4187F0A1B2$%=+_/.~@DB7PR01MB4187.eurprd01.prod.exchangelabs.com>'],
    ['of JavaMail', '<1.2.1795251600@[127.0.0.1]>'],
    ['with one label', '<abc@localhost>'],
    ['folded', '\r\n <1@example.org>'],
    ['with a comment', '<1@example.org> (added by the printer)'],
    // RFC 5322 §4.5.4
    ['with a quoted left side', '<"a b"@example.org>'],
    ['with quotes within', '<a."b@c".d@example.org>'],
    ['with spaces', '< a . b @ example . org >'],
    ['with comments inside', '<a(b)@(c)example.org>'],
  ])('%s', (_what, value) => {
    expect(isMessageId(value, false)).toBe(true);
  });

  test('in UTF-8 only where the message may hold it', () => {
    const value = Buffer.from('<é@exämple.org>').toString('latin1');
    expect([isMessageId(value, true), isMessageId(value, false)]).toEqual([true, false]);
    expect(isMessageId('<\xe9@example.org>', true)).toBe(false);
  });
});

describe('no identifier', () => {
  test.each([
    ['nothing', ''],
    ['a space', ' '],
    ['nothing in brackets', '<>'],
    ['no brackets', '1234@example.org'],
    ['one bracket', '<1234@example.org'],
    ['no right side', '<1234>'],
    ['an empty left side', '<@example.org>'],
    ['an empty right side', '<1234@>'],
    ['two @', '<1@2@example.org>'],
    ['an empty part', '<1..2@example.org>'],
    ['a dot at its end', '<1.@example.org>'],
    ['a dot at the end of its right side', '<1@example.org.>'],
    ['a space within a word', '<1 2@example.org>'],
    ['two of them', '<1@example.org> <2@example.org>'],
    ['text behind it', '<1@example.org> x'],
    ['text before it', 'id: <1@example.org>'],
    ['an open quote', '<"1@example.org>'],
    ['an open comment', '<1@example.org> (x'],
    ['a control character', '<1\x07@example.org>'],
    ['brackets in brackets', '<<1@example.org>>'],
    ['an open literal', '<1@[127.0.0.1>'],
  ])('%s', (_what, value) => {
    expect(isMessageId(value, true)).toBe(false);
  });

  test.each(['a', 'a.', 'a@', '"', '\\"', '<', ' ', '"a".'])(
    'a quarter of a MiB of %j, told in no time',
    (piece) => {
      const text = `<${piece.repeat(262_144 / piece.length)}`;
      const spent = processorTime(() => expect(isMessageId(text, false)).toBe(false));
      expect(spent).toBeLessThan(2000);
    },
  );
});
