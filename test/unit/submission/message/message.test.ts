// One message between client and upstream: what goes through, and that whatever is refused never gets its final dot.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Refusal, refuse } from '../../../../src/refusal.ts';
import type { Reply } from '../../../../src/relay/connection/reply.ts';
import type { MessageOptions } from '../../../../src/submission/message/message.ts';
import {
  beginMessage as begin,
  HEADER,
  QUEUED,
  sendMessage as send,
  TIME,
} from '../../../support/message-situation.ts';

const WHOLE = 'Message-ID: <1@example.org>\r\nDate: Sat, 21 Nov 2026 08:00:00 +0000\r\n';

describe('what goes through', () => {
  const TEXT = `${WHOLE}${HEADER}\r\nText\r\n`;

  test.each([
    ['in one piece', [], TEXT],
    ['in a header and a body', [`${WHOLE}${HEADER}\r\n`], 'Text\r\n'],
    ['byte by byte', [...TEXT], ''],
    ['with all of it before the end', [TEXT], ''],
  ])('%s: byte for byte, with two fields in front', async (_how, pieces, last) => {
    const situation = begin();
    expect(await send(situation, pieces, last)).toEqual({
      verdict: QUEUED,
      stage: 'end',
      bytes: TEXT.length,
    });
    const { upstream } = situation;
    expect(upstream.calls).toEqual(['data', 'finish']);
    expect(upstream.text).toBe(
      'Authentication-Results: mail.example.org;\r\n' +
        '\tauth=pass smtp.auth=alice@example.org smtp.mailfrom=alice@example.org\r\n' +
        'Received: from client.example ([192.0.2.1])\r\n' +
        '\tby mail.example.org (Postern) with ESMTPSA tls TLS_AES_128_GCM_SHA256\r\n' +
        '\tid s.1;\r\n' +
        `\tSat, 21 Nov 2026 08:00:00 +0000\r\n${TEXT}`,
    );
  });

  test.each([
    [
      'neither',
      '',
      /^Message-ID: <[^<>@\s]+@mail\.example\.org>\r\nDate: Sat, 21 Nov 2026 08:00:00 \+0000\r\n$/,
    ],
    ['an identifier', 'message-id: <1@example.org>\r\n', /^Date: [^\r\n]+\r\n$/],
    ['a date', 'DATE: Sat, 21 Nov 2026 08:00:00 +0000\r\n', /^Message-ID: [^\r\n]+\r\n$/],
  ])('a header with %s gets what it lacks', async (_has, fields, added) => {
    const situation = begin();
    await send(situation, [], `${fields}${HEADER}\r\nText\r\n`);
    const [, rest = ''] = situation.upstream.text.split('\tSat, 21 Nov 2026 08:00:00 +0000\r\n', 2);
    expect(rest.slice(0, rest.indexOf(`${fields}${HEADER}`))).toMatch(added);
  });

  test.each(['in one piece', 'byte by byte'])(
    'a field that is dropped does not go through, %s, and the body that looks like one does',
    async (how) => {
      const situation = begin();
      const rest = `..X-Dotted: y\r\n${WHOLE}${HEADER}\r\nBcc: eve@example.org\r\n..\r\n`;
      const text = `Bcc: eve@example.org\r\n${rest}`;
      await send(situation, how === 'in one piece' ? [] : [...text], how === 'in one piece' ? text : '');
      const received = `\t${TIME.toUTCString().replace('GMT', '+0000')}\r\n`;
      expect(situation.upstream.text.endsWith(received + rest)).toBe(true);
      expect(situation.upstream.calls).toEqual(['data', 'finish']);
    },
  );

  test('stuffed dots stay on the wire, and neither they nor the final one count for the size', async () => {
    const situation = begin({ maxMessageBytes: HEADER.length + 7 });
    const { bytes } = await send(situation, [`${HEADER}\r\n..a\r\n`], '');
    expect(bytes).toBe(HEADER.length + 6);
    expect(situation.upstream.text).toMatch(/\r\n\.\.a\r\n$/);
  });

  test('the client waits while the upstream takes no more', async () => {
    const situation = begin({}, { takes: false });
    const waits = situation.message.push(Buffer.from(`${HEADER}\r\n`), situation.scanner);
    let through = false;
    void waits?.then(() => {
      through = true;
    });
    await nextTurn();
    expect(through).toBe(false);
    situation.upstream.drain.resolve();
    await waits;
    expect(situation.message.push(Buffer.from('Text\r\n'), situation.scanner)).toBeInstanceOf(Promise);
  });
});

describe('what is refused', () => {
  test.each<[string, string[], string, string, Partial<MessageOptions>]>([
    ['a foreign From, whole', [], 'From: bob@example.org\r\n\r\nText\r\n', 'header-from-not-owned', {}],
    ['a foreign From, streamed', ['From: bob@example.org\r\n\r\n'], 'x\r\n', 'header-from-not-owned', {}],
    [
      'a From behind a stuffed dot',
      [],
      `${HEADER}.From: bob@example.org\r\n\r\n`,
      'header-from-ambiguous',
      {},
    ],
    ['nothing at all', [], '', 'header-from-missing', {}],
    ['a body only', [], '\r\nFrom: alice@example.org\r\n', 'header-from-missing', {}],
    ['a header over its limit, whole', [], `${HEADER}\r\n`, 'header-too-large', { maxHeaderBytes: 24 }],
    ['a header over its limit, begun', [HEADER], '\r\n', 'header-too-large', { maxHeaderBytes: 24 }],
    ['a header over its limit, streamed', [`${HEADER}\r\n`], '', 'header-too-large', { maxHeaderBytes: 24 }],
    [
      'a message over its limit, whole',
      [],
      `${HEADER}\r\nxy\r\n`,
      'message-too-large',
      { maxMessageBytes: 30 },
    ],
    [
      'a message over its limit, streamed',
      [`${HEADER}\r\n`, 'xy'],
      '\r\n',
      'message-too-large',
      { maxMessageBytes: 30 },
    ],
    ['a bare line feed in the body', [`${HEADER}\r\n`, 'a\nb'], '\r\n', 'bare-line-ending', {}],
    ['a bare line feed in the header', [`Subject: a\nb\r\n`], '', 'bare-line-ending', {}],
    ['a NUL', [`${HEADER}\r\n\0`], '', 'nul-byte', {}],
  ])('%s: no final dot', async (_what, pieces, last, code, options) => {
    const situation = begin(options);
    const { verdict } = await send(situation, pieces, last);
    expect(verdict).toMatchObject({ refused: true, code });
    expect(situation.upstream.calls).not.toContain('finish');
    expect(situation.upstream.calls.filter((call) => call === 'abort')).toHaveLength(1);
  });

  test.each([
    ['at the limit of the header', { maxHeaderBytes: HEADER.length }],
    ['at the limit of the message', { maxMessageBytes: HEADER.length + 2 }],
  ])('but not what is just %s', async (_what, options) => {
    for (const pieces of [[], [`${HEADER}\r\n`], [HEADER, '\r\n']]) {
      const { verdict } = await send(begin(options), pieces, pieces.length > 0 ? '' : `${HEADER}\r\n`);
      expect(verdict).toEqual(QUEUED);
    }
  });

  test('nothing goes to the upstream before the header was checked, nor after a refusal', async () => {
    const situation = begin();
    await send(situation, ['From: bob@', 'example.org\r\n\r\n', 'Text\r\n'], 'more\r\n');
    expect(situation.upstream).toMatchObject({ calls: ['abort'], text: '' });
  });

  test.each<[string, Reply | Refusal]>([
    ['a no', { code: 452, lines: ['4.3.1 full'] }],
    ['nonsense', refuse('upstream-protocol', 'x')],
  ])('by the upstream at DATA with %s: its own words, stage data', async (_what, answer) => {
    for (const [pieces, last] of [
      [[], `${HEADER}\r\nText\r\n`],
      [[`${HEADER}\r\n`], 'Text\r\n'],
    ] as const) {
      const situation = begin({}, { data354: Promise.resolve(answer) });
      expect(await send(situation, pieces, last)).toMatchObject({ verdict: answer, stage: 'data' });
      expect(situation.upstream.text).toBe('');
    }
  });

  test('by the upstream in mid-body: its words, and nothing more is written', async () => {
    const situation = begin();
    await situation.message.push(Buffer.from(`${HEADER}\r\n`), situation.scanner);
    situation.upstream.verdict = { code: 552, lines: ['5.3.4 too much'] };
    const written = situation.upstream.text;
    expect(await send(situation, ['Text\r\n', 'more\r\n'], 'last\r\n')).toMatchObject({
      verdict: { code: 552 },
      stage: 'body',
    });
    expect(situation.upstream).toMatchObject({ text: written, calls: ['data', 'abort'] });
  });
});
