// Which fields of a header go, which come on top.

import { describe, expect, test } from 'vitest';
import { parseHeader } from '../../../../../src/policy/header.ts';
import { isRefusal } from '../../../../../src/refusal.ts';
import { editHeader } from '../../../../../src/submission/message/header/edit.ts';
import { headerContext } from '../../../../support/message-situation.ts';
import { processorTime } from '../../../../support/processor-time.ts';

const DATE = 'Date: Sat, 21 Nov 2026 10:00:00 +0100';
const ID = 'Message-ID: <1@client.example>';
const OURS = 'Authentication-Results: mail.example.org; auth=pass smtp.auth=bob@example.org';

/** Names of what comes on top, and the lines that go. */
function edit(lines: readonly string[], changes: Parameters<typeof headerContext>[0] = {}) {
  const fields = parseHeader(Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1'));
  if (isRefusal(fields)) throw new Error(fields.reason);
  const { added, removed } = editHeader(fields, headerContext(changes));
  const names = added.split(/\r\n(?![ \t])/).slice(0, -1);
  return {
    added: names.map((field) => field.slice(0, field.indexOf(':'))),
    removed: removed.map((field) => `${field.name}:${field.value}`),
    text: added,
  };
}
const TRACE = ['Authentication-Results', 'Received'];

test('a sound header loses nothing and gets its trace', () => {
  expect(edit(['From: alice@example.org', 'To: bob@example.net', DATE, ID])).toMatchObject({
    added: TRACE,
    removed: [],
  });
});

describe('Date and Message-ID', () => {
  test.each<[string, string[], string[], string[]]>([
    ['missing', [], ['Message-ID', 'Date'], []],
    ['one of them missing', [ID], ['Date'], []],
    ['the other', [DATE], ['Message-ID'], []],
    ['in other letters', ['DATE: Sat, 21 Nov 2026 10:00:00 +0100', 'message-id: <1@client.example>'], [], []],
    ['no date', [ID, 'Date: yesterday'], ['Date'], ['Date: yesterday']],
    ['no identifier', ['Message-ID: 1234', DATE], ['Message-ID'], ['Message-ID: 1234']],
    ['empty', ['Date:', 'Message-ID:'], ['Message-ID', 'Date'], ['Date:', 'Message-ID:']],
    [
      'twice: the first stays',
      [ID, DATE, 'Message-ID: <2@a>', 'Date: Sun, 22 Nov 2026 10:00:00 +0100'],
      [],
      ['Message-ID: <2@a>', 'Date: Sun, 22 Nov 2026 10:00:00 +0100'],
    ],
    [
      'twice, once wrong: the good one stays',
      ['Date: x', DATE, 'Message-ID: y', ID],
      [],
      ['Date: x', 'Message-ID: y'],
    ],
    ['twice wrong', ['Date: x', 'Date: y', ID], ['Date'], ['Date: x', 'Date: y']],
    ['of a message sent again', ['Resent-Date: x', 'Resent-Message-ID: y', DATE, ID], [], []],
  ])('%s', (_what, lines, added, removed) => {
    expect(edit(lines)).toMatchObject({ added: [...TRACE, ...added], removed });
  });

  test('are made anew: an identifier of the host’s, the time of arrival', () => {
    expect(edit([]).text).toMatch(
      /\r\nMessage-ID: <[0-9a-f-]{36}@mail\.example\.org>\r\nDate: Sat, 21 Nov 2026 08:00:00 \+0000\r\n$/,
    );
    expect(edit([]).text).not.toBe(edit([]).text);
  });
});

describe('dropped', () => {
  test('what Postfix drops, whatever its case and form, and nothing like it', () => {
    const gone = [
      'Bcc: eve@example.org,\r\n\tmallory@example.org',
      'RESENT-BCC: x',
      'return-path: <x@y>',
      'Content-length: 1',
    ];
    const lines = ['X-Bcc: a', ...gone, 'Bcc2: b', DATE, 'Content-Length-Of: 1', 'bcc : spaced', ID];
    expect(edit(lines).removed).toEqual([...gone, 'bcc: spaced']);
  });

  test('what the operator says instead', () => {
    const settings = { drop: ['User-Agent', 'x-mailer'] };
    const lines = ['Bcc: eve@example.org', 'User-agent: a', 'X-Mailer: b', DATE, ID];
    expect(edit(lines, { settings }).removed).toEqual(['User-agent: a', 'X-Mailer: b']);
    expect(edit(lines, { settings: { drop: [] } }).removed).toEqual([]);
  });

  test('a Date on that list is written anew', () => {
    expect(edit([DATE, ID], { settings: { drop: ['Date'] } })).toMatchObject({
      added: [...TRACE, 'Date'],
      removed: [DATE],
    });
  });

  test('ten thousands of them in no time', () => {
    const spent = processorTime(() => {
      expect(edit(Array.from({ length: 40_000 }, () => 'Bcc:')).removed).toHaveLength(40_000);
      expect(edit(Array.from({ length: 20_000 }, () => 'Date: x')).removed).toHaveLength(20_000);
    });
    expect(spent).toBeLessThan(5000);
  });
});

describe('signed', () => {
  const signed = (names: string) => `DKIM-Signature: v=1; a=rsa-sha256; h=${names}; b=abc`;

  test.each<[string, string[], string[], string[]]>([
    ['a Date that is no date', [signed('from:date'), 'Date: x', ID], [], []],
    ['a Message-ID that is none', [signed('from:message-id'), 'Message-ID: x', DATE], [], []],
    ['that there is no Date and no Message-ID', [signed('from:date:message-id')], [], []],
    ['two Message-IDs', [signed('Message-ID:Message-ID'), ID, 'Message-ID: <2@a>', DATE], [], []],
    [
      'Bcc',
      [signed('from:BCC'), 'Bcc: eve@example.org', 'Return-Path: <x>', DATE, ID],
      [],
      ['Return-Path: <x>'],
    ],
    ['by ARC', ['ARC-Message-Signature: i=1; h=date:bcc', 'Date: x', 'Bcc: y', ID], [], []],
    ['one by each of two', [signed('date'), signed('bcc'), 'Date: x', 'Bcc: y', ID], [], []],
    ['nothing of it', [signed('from:to:subject'), 'Date: x', 'Bcc: y', ID], ['Date'], ['Date: x', 'Bcc: y']],
  ])('%s', (_what, lines, added, removed) => {
    expect(edit(lines)).toMatchObject({ added: [...TRACE, ...added], removed });
  });

  test('that nobody signed in: nothing is added, but Received is', () => {
    expect(edit([signed('from:authentication-results:received'), DATE, ID]).added).toEqual(['Received']);
  });

  test('a forged word of ours: it goes all the same', () => {
    expect(edit([signed('from:authentication-results'), OURS, DATE, ID])).toMatchObject({
      added: ['Received'],
      removed: [OURS],
    });
  });
});

describe('Authentication-Results', () => {
  const OTHERS = 'Authentication-Results: mx.example.net; spf=pass';

  test('that pretend to be ours go, those of others stay', () => {
    const folded = 'authentication-results:\r\n (x) "Mail.Example.ORG" 1; auth=pass';
    expect(edit([OURS, OTHERS, folded, DATE, ID])).toMatchObject({ added: TRACE, removed: [OURS, folded] });
  });

  test('under another name: of ours both are guarded', () => {
    const settings = { authservId: 'gate.example.org' };
    const forged = 'Authentication-Results: gate.example.org; auth=pass';
    const found = edit([OURS, forged, OTHERS, DATE, ID], { settings });
    expect(found.removed).toEqual([OURS, forged]);
    expect(found.text).toMatch(/^Authentication-Results: gate\.example\.org;/);
  });

  test('are not added where the operator says so, and forged ones go even then', () => {
    const settings = { authenticationResults: 'omit' as const };
    expect(edit([OURS, DATE, ID], { settings })).toMatchObject({ added: ['Received'], removed: [OURS] });
  });

  test('are not added for a server that is known by its network only', () => {
    expect(edit([OURS, DATE, ID], { trace: { signedIn: false } })).toMatchObject({
      added: ['Received'],
      removed: [OURS],
    });
  });

  test('tell of the null sender that there is none', () => {
    expect(edit([DATE, ID], { mailFrom: '' }).text).toMatch(/smtp\.auth=alice@example\.org\r\nReceived/);
  });
});

test('Received tells nothing of the client where the operator says so', () => {
  const { text } = edit([DATE, ID], { settings: { clientAddress: 'hide' } });
  expect(text).not.toMatch(/client\.example|192\.0\.2\.1/);
});
