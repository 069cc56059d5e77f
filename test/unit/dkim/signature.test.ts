// The signature field: what it covers, that it is good, and that whatever is changed of it breaks it.

import { createPrivateKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { BodyHash } from '../../../src/dkim/canonical.ts';
import { type Covered, type SigningKey, signatureFields } from '../../../src/dkim/signature.ts';
import { verifyDkim } from '../../support/dkim.ts';
import { PRIVATE_KEYS, PUBLIC_KEYS } from '../../support/dkim-keys.ts';

const KEYS: SigningKey[] = (['rsa', 'ed'] as const).map((selector) => ({
  key: createPrivateKey(PRIVATE_KEYS[selector]),
  algorithm: selector === 'rsa' ? 'rsa-sha256' : 'ed25519-sha256',
  bits: undefined,
  domain: 'example.org',
  selector,
}));
const COVERED: Covered = { signed: ['list-id', 'references'], sealed: ['from', 'to', 'cc', 'subject'] };
const HEADER = 'From: alice@example.org\r\nTo: bob@example.net\r\nSubject: x\r\nX-Other: y\r\nList-Id: l\r\n';
const BODY = 'one\r\n..\r\n\r\n\r\n';

async function signed(given: {
  header?: string;
  body?: string;
  keys?: SigningKey[];
  covered?: Covered;
}): Promise<string> {
  const { header = HEADER, body = BODY, keys = KEYS, covered = COVERED } = given;
  const hash = new BodyHash();
  hash.update(Buffer.from(body, 'latin1'));
  const fields = await signatureFields({
    keys,
    covered,
    header,
    bodyHash: hash.digest(),
    time: 1_700_000_000_999,
  });
  return `${fields}${header}\r\n${body}`;
}

const isGood = (message: string): boolean => verifyDkim(message, PUBLIC_KEYS);

describe('a signature', () => {
  test.each(KEYS)('of $algorithm is good', async (key) => {
    const message = await signed({ keys: [key] });
    expect(message).toContain(`a=${key.algorithm}; c=relaxed/relaxed;`);
    expect(isGood(message)).toBe(true);
  });

  test('stands there once for each key', async () => {
    const message = await signed({});
    expect(message.match(/^DKIM-Signature:/gm)).toHaveLength(2);
    expect(isGood(message)).toBe(true);
  });

  test('names what the header has, and each sealed name once more', async () => {
    const [, names = ''] = /\th=([^;]*);/.exec(await signed({})) ?? [];
    expect(names.replace(/\s/g, '')).toBe('from:from:to:to:cc:subject:subject:list-id');
  });

  test('tells when it was made, in seconds', async () => {
    expect(await signed({})).toContain('t=1700000000;');
  });

  test('has lines that any server takes, however many fields it names', async () => {
    const message = await signed({
      header: `From: alice@example.org\r\n${'To: b@example.org\r\n'.repeat(500)}`,
    });
    const [field = ''] = message.split(/\r\n(?![ \t])/);
    expect(Math.max(...field.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(isGood(message)).toBe(true);
  });

  test.each([
    ['no body', { body: '' }],
    [
      '8-bit text',
      { body: 'Gr\xc3\xbc\xc3\x9fe\xa0\r\n', header: 'From: alice@example.org\r\nSubject: \xc3\xa4\r\n' },
    ],
    [
      'blanks everywhere',
      { header: 'FROM \t:\ta@example.org \r\nTo: a,\r\n\t b  \r\nTo:c\r\n', body: ' a  b \t\r\n \r\n' },
    ],
    ['several fields of a name', { header: 'From: a@b.c\r\nTo: 1\r\nSubject: 2\r\nTo: 3\r\nto: 4\r\n' }],
    ['10,000 lines', { body: 'line\r\n'.repeat(10_000) }],
  ])('is good for a message with %s', async (_what, given) => {
    expect(isGood(await signed(given))).toBe(true);
  });

  test('stays good where blanks and folding change', async () => {
    const message = await signed({});
    const changed = message.replace('To: bob', 'to:\r\n  bob').replace('\r\n..\r\n\r\n\r\n', ' \r\n..\r\n');
    expect(changed).not.toBe(message);
    expect(isGood(changed)).toBe(true);
  });

  test.each<[string, string, string]>([
    ['the author', 'From: alice', 'From: mallory'],
    ['the subject', 'Subject: x', 'Subject: y'],
    ['the body', 'one', 'two'],
    ['the end of the body', '\r\n\r\n\r\n', '\r\n\r\nmore\r\n'],
    ['its own time', 't=1700000000', 't=1800000000'],
    ['its own domain', 'd=example.org', 'd=example.net'],
    ['a second From above', 'From: alice', 'From: mallory@example.org\r\nFrom: alice'],
    ['a second Subject below', 'X-Other: y', 'Subject: y'],
    ['a Cc where there was none', 'X-Other: y', 'Cc: y'],
    ['a field less', 'List-Id: l\r\n', ''],
  ])('breaks with a change of %s', async (_what, from, to) => {
    const message = await signed({});
    const changed = message.replace(from, to);
    expect(changed).not.toBe(message);
    expect(isGood(changed)).toBe(false);
  });

  test('leaves other fields alone', async () => {
    expect(isGood((await signed({})).replace('X-Other: y', 'X-Other: z\r\nReceived: from there'))).toBe(true);
  });
});
