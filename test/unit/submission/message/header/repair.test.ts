// A header block on its way: what is refused, and that what stays is what came, signatures included.

import { createTransport } from 'nodemailer';
import { describe, expect, test } from 'vitest';
import { isRefusal } from '../../../../../src/refusal.ts';
import { type RepairedHeader, repairHeader } from '../../../../../src/submission/message/header/repair.ts';
import { DKIM_PRIVATE_KEY, signDkim, verifyDkim } from '../../../../support/dkim.ts';
import { headerContext } from '../../../../support/message-situation.ts';

const FROM = 'From: alice@example.org\r\n';
const WHOLE = `Message-ID: <1@client.example>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0100\r\n${FROM}`;

function repair(block: string | Buffer, changes: Parameters<typeof headerContext>[0] = {}): RepairedHeader {
  const bytes = typeof block === 'string' ? Buffer.from(block, 'latin1') : block;
  const header = repairHeader(bytes, headerContext(changes));
  if (isRefusal(header)) throw new Error(`${header.code}: ${header.reason}`);
  return header;
}
const kept = (block: string): string => repair(block).kept.toString('latin1');

describe('what stays', () => {
  test('is the very block where nothing goes', () => {
    const block = Buffer.from(`..X: dotted\r\n${WHOLE}`);
    expect(repair(block).kept).toBe(block);
  });

  test.each([
    ['a field goes at the beginning', `Bcc: x\r\n${WHOLE}`, WHOLE],
    ['in the middle', `${WHOLE}Bcc: x\r\n y\r\nX-Last: é\xff\r\n`, `${WHOLE}X-Last: é\xff\r\n`],
    ['at the end', `${WHOLE}Bcc: x\r\n\ty\r\n`, WHOLE],
    ['several go', `Bcc: x\r\n${WHOLE}Bcc: y\r\nX: z\r\nBcc:\r\n`, `${WHOLE}X: z\r\n`],
    ['odd spacing', `X-A:b\r\nBcc :x\r\nX-C :  d\t\r\n${WHOLE}`, `X-A:b\r\nX-C :  d\t\r\n${WHOLE}`],
  ])('is byte for byte what came where %s', (_where, block, rest) => {
    expect(kept(block)).toBe(rest);
  });

  test.each([
    [
      'dots stay stuffed',
      `Bcc: x\r\n..X-Dotted: y\r\n....Z: .\r\n${WHOLE}`,
      `..X-Dotted: y\r\n....Z: .\r\n${WHOLE}`,
    ],
    [
      'a dot that was not stuffed is gone, as for any receiver',
      `Bcc: x\r\n.X-Single: y\r\n${WHOLE}`,
      `X-Single: y\r\n${WHOLE}`,
    ],
    ['and one that only looks stuffed is a field that goes', `.Bcc: x\r\n${WHOLE}`, WHOLE],
  ])('%s', (_what, block, rest) => {
    expect(kept(block)).toBe(rest);
  });
});

describe('refused', () => {
  test.each([
    ['header-from-not-owned', 'From: bob@example.org\r\n'],
    ['header-from-missing', 'Bcc: x\r\n'],
    ['header-malformed', `${FROM}nothing\r\n`],
    ['header-domain', `${FROM}To: bob@host\r\n`],
  ])('%s', (code, block) => {
    expect(repairHeader(Buffer.from(block), headerContext())).toMatchObject({ code });
  });

  test('but no incomplete domain where the operator lets them pass', () => {
    const block = Buffer.from(`${WHOLE}To: bob@host\r\n`);
    expect(repair(block, { qualifiedDomains: 'any' }).kept).toBe(block);
  });
});

const stuffed = (text: string): string => text.replace(/^\./gm, '..');

/** The message as it goes on. */
function passOn(message: string): string {
  const end = message.indexOf('\r\n\r\n') + 2;
  const header = repair(stuffed(message.slice(0, end)));
  const kept = header.kept.toString('latin1').replace(/^\./gm, '');
  return header.added + kept + message.slice(end);
}

describe('a signature', () => {
  const BODY = '\r\nText  with spaces \r\n\r\n';
  const NAMES = ['from', 'to', 'subject', 'date', 'message-id', 'bcc'];

  test('of another signer still holds, though fields went and came', async () => {
    const transport = createTransport({
      streamTransport: true,
      buffer: true,
      newline: 'windows',
      dkim: { domainName: 'example.org', keySelector: 'test', privateKey: DKIM_PRIVATE_KEY },
    });
    const sent = await transport.sendMail({
      from: 'Alice <alice@example.org>',
      to: 'bob@example.net',
      subject: 'Grüße',
      text: 'Text\n.\nmore\n',
      headers: { 'Return-Path': '<x@example.org>', 'Content-Length': '12' },
    });
    const message = (sent.message as Buffer).toString('latin1');
    const passed = passOn(message);
    expect([verifyDkim(message), verifyDkim(passed)]).toEqual([true, true]);
    expect(passed).not.toMatch(/^(?:return-path|content-length):/im);
    expect(passed).toMatch(/^Authentication-Results: /m);
  });

  test.each(['simple', 'relaxed'] as const)('holds over what is left as it is, %s', (form) => {
    for (const header of [
      `${FROM}Date: someday\r\nMessage-ID: 12\r\nBcc: eve@example.org\r\n`,
      FROM,
      `${FROM}Message-ID: <1@a>\r\nMessage-ID: <2@a>\r\nX-Other: y\r\nReturn-Path: <x>\r\n`,
    ]) {
      const message = signDkim(header + BODY, { names: NAMES, form });
      expect([verifyDkim(message), verifyDkim(passOn(message))]).toEqual([true, true]);
    }
  });

  test.each(['date', 'message-id', 'bcc'])(
    'would not hold if %s were not spared: the check notices',
    (name) => {
      const message = signDkim(`${FROM}Date: x\r\nMessage-ID: y\r\nBcc: z\r\n${BODY}`, {
        names: ['from', name],
        form: 'relaxed',
      });
      expect(verifyDkim(message.replace(new RegExp(`^${name}:.*\r\n`, 'im'), ''))).toBe(false);
    },
  );
});
