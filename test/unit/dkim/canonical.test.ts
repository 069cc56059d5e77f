// The canonical forms against the standards' own examples, and what is used of nodemailer for them.

import { createHash, createPublicKey, verify } from 'node:crypto';
import fc from 'fast-check';
import RelaxedBody from 'nodemailer/lib/dkim/relaxed-body';
import sign from 'nodemailer/lib/dkim/sign';
import { describe, expect, test } from 'vitest';
import { BodyHash, canonicalField, cutHeader } from '../../../src/dkim/canonical.ts';
import { processorTime } from '../../support/processor-time.ts';

const sha256 = (text: string): string => createHash('sha256').update(text, 'latin1').digest('base64');

function hashOf(...pieces: string[]): string {
  const hash = new BodyHash();
  for (const piece of pieces) hash.update(Buffer.from(piece, 'latin1'));
  return hash.digest();
}

/** RFC 6376 §3.4.4 by the letter, on a body that lies there as a whole. */
function relaxed(body: string): string {
  const lines = body
    .replace(/[ \t]+/g, ' ')
    .replaceAll(' \r\n', '\r\n')
    .replace(/ $/, '');
  const text = lines.replace(/(\r\n)+$/, '');
  return text === '' ? '' : `${text}\r\n`;
}

describe('nodemailer', () => {
  test('has what canonical.ts is built on', () => {
    const body = new RelaxedBody({ hashAlgo: 'sha256' });
    expect(typeof body.updateHash).toBe('function');
    expect(typeof body.bodyHash.digest).toBe('function');
    expect(sign.relaxedHeaders([{ key: 'a', line: 'A:  b' }], 'a').headers).toBe('a:b\r\n');
  });
});

describe('a body', () => {
  test('RFC 6376 §3.4.5', () => {
    expect(hashOf(' C \r\nD \t E\r\n\r\n\r\n')).toBe(sha256(' C\r\nD E\r\n'));
  });

  test('RFC 6376 §3.4.4: the hash of an empty one', () => {
    expect(hashOf()).toBe('47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=');
    expect(hashOf('\r\n\r\n')).toBe('47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=');
  });

  test('without an end of its last line', () => {
    expect(hashOf('a\r\nb')).toBe(sha256('a\r\nb\r\n'));
  });

  test('in pieces of any size', () => {
    const line = fc.stringMatching(/^[ \ta.\xe9]{0,6}$/);
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat(40), { maxLength: 6 }), (lines, cuts) => {
        const body = lines.map((text) => `${text}\r\n`).join('');
        const at = [0, ...cuts.filter((cut) => cut < body.length).sort((a, b) => a - b), body.length];
        const pieces = at.slice(1).map((end, index) => body.slice(at[index], end));
        expect(hashOf(...pieces)).toBe(sha256(relaxed(body)));
      }),
    );
  });

  test('of one line without an end holds no more than a piece of it', () => {
    const hash = new BodyHash();
    const piece = Buffer.alloc(65_536, 'x');
    const spent = processorTime(() => {
      for (let count = 0; count < 400; count += 1) hash.update(piece);
      expect(hash.digest()).toBe(sha256(`${'x'.repeat(400 * 65_536)}\r\n`));
    });
    // Held and searched anew with each piece, it would take minutes.
    expect(spent).toBeLessThan(20_000);
  });
});

describe('a header', () => {
  test('RFC 6376 §3.4.5', () => {
    const fields = cutHeader('A: X\r\nB : Y\t\r\n\tZ  \r\n');
    expect(fields.map(canonicalField)).toEqual(['a:X\r\n', 'b:Y Z\r\n']);
  });

  test('with octets beyond ASCII keeps them', () => {
    const [field] = cutHeader(Buffer.from('Subject: Gr\u00fc\u00dfe \u00a0\r\n', 'utf8').toString('latin1'));
    expect(field && canonicalField(field)).toBe(
      Buffer.from('subject:Gr\u00fc\u00dfe \u00a0\r\n', 'utf8').toString('latin1'),
    );
  });

  test('of 10,000 folded lines is cut in no time', () => {
    const spent = processorTime(() => {
      const [field] = cutHeader(`To: a@example.org${',\r\n b@example.org'.repeat(10_000)}\r\n`);
      expect(field && canonicalField(field)).toHaveLength('to:a@example.org\r\n'.length + 10_000 * 15);
    });
    expect(spent).toBeLessThan(2000);
  });
});

test('RFC 8463 appendix A: the signature there is good for what is signed here', () => {
  const header = [
    'From: Joe SixPack <joe@football.example.com>',
    'To: Suzie Q <suzie@shopping.example.net>',
    'Subject: Is dinner ready?',
    'Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)',
    'Message-ID: <20030712040037.46341.5F8J@football.example.com>',
    '',
  ].join('\r\n');
  const body = 'Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n';
  const bh = '2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=';
  const field = [
    'DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;',
    ' d=football.example.com; i=@football.example.com;',
    ' q=dns/txt; s=brisbane; t=1528637909; h=from : to :',
    ' subject : date : message-id : from : subject : date;',
    ` bh=${bh};`,
    ' b=',
  ].join('\r\n');
  const signature =
    '/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==';
  const x = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo';
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });

  expect(hashOf(body)).toBe(bh);
  const text =
    cutHeader(header).map(canonicalField).join('') +
    canonicalField({ name: 'dkim-signature', line: field }).slice(0, -2);
  const digest = createHash('sha256').update(text, 'latin1').digest();
  expect(verify(null, digest, key, Buffer.from(signature, 'base64'))).toBe(true);
});
