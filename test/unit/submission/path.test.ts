// MAIL and RCPT arguments: what is taken as it stands, what is refused.

import { describe, expect, test } from 'vitest';
import { readPath as readAnyPath } from '../../../src/submission/path.ts';
import { processorTime } from '../../support/processor-time.ts';

const readPath = (line: string, keyword: 'MAIL FROM' | 'RCPT TO') => readAnyPath(line, keyword, 'required');

describe('MAIL FROM', () => {
  test.each([
    ['MAIL FROM:<alice@example.org>', 'alice@example.org', {}],
    ['mail from:<alice@example.org>', 'alice@example.org', {}],
    ['MAIL FROM: <alice@example.org>', 'alice@example.org', {}],
    ['MAIL FROM:<>', '', {}],
    ['MAIL FROM:<> BODY=8BITMIME', '', { BODY: '8BITMIME' }],
    ['MAIL FROM:<a@example.org> size=5 SMTPUTF8', 'a@example.org', { SIZE: '5', SMTPUTF8: true }],
    ['MAIL FROM:<"a b@c>"@example.org>', '"a b@c>"@example.org', {}],
    ['MAIL FROM:<a@[192.0.2.1]>', 'a@[192.0.2.1]', {}],
    ['MAIL FROM:<a@[IPv6:2001:db8::1]>', 'a@[IPv6:2001:db8::1]', {}],
    ['MAIL FROM:<@relay.example:a@example.org>', 'a@example.org', {}],
    ['MAIL FROM:<älice@exämple.org>', 'älice@exämple.org', {}],
    ['MAIL FROM:<a@example.org> ENVID=<x=y@z>', 'a@example.org', { ENVID: '<x=y@z>' }],
  ])('%s', (line, address, parameters) => {
    expect(readPath(line, 'MAIL FROM')).toEqual({ address, parameters });
  });

  test.each([
    ['MAIL alice@example.org', 'command-syntax'],
    ['MAIL FROM alice@example.org', 'command-syntax'],
    ['MAIL FROM:alice@example.org', 'address-syntax'],
    ['MAIL FROM:<alice@example.org', 'address-syntax'],
    ['MAIL FROM:<alice>', 'address-syntax'],
    ['MAIL FROM:<@example.org>', 'address-syntax'],
    ['MAIL FROM:<a..b@example.org>', 'address-syntax'],
    ['MAIL FROM:<a b@example.org>', 'address-syntax'],
    ['MAIL FROM:<a@example..org>', 'address-syntax'],
    ['MAIL FROM:<a@-example.org>', 'address-syntax'],
    ['MAIL FROM:<a@b@example.org>', 'address-syntax'],
    ['MAIL FROM:<a@example.org.>', 'address-syntax'],
    ['MAIL FROM:<a@.example.org>', 'address-syntax'],
    ['MAIL FROM:<a@under_score.example>', 'address-syntax'],
    [`MAIL FROM:<a@${'b'.repeat(64)}.org>`, 'address-syntax'],
    ['MAIL FROM:<a@\u00ad.org>', 'address-syntax'],
    ['MAIL FROM:<a@[]>', 'address-syntax'],
    ['MAIL FROM:<a@[192.0.2.256]>', 'address-syntax'],
    ['MAIL FROM:<a@[192.0.2]>', 'address-syntax'],
    ['MAIL FROM:<a@[2001:db8::1]>', 'address-syntax'],
    ['MAIL FROM:<a@[IPv6:2001:db8::1%eth0]>', 'address-syntax'],
    ['MAIL FROM:<a@[IPv6:2001::db8::1]>', 'address-syntax'],
    ['MAIL FROM:<a@[tag:content]>', 'address-syntax'],
    ['MAIL FROM:<a@[192.0.2.1>', 'address-syntax'],
    ['MAIL FROM:<a@192.0.2.1]>', 'address-syntax'],
    ['MAIL FROM:<a\0@example.org>', 'address-syntax'],
    ['MAIL FROM:<a@exam\tple.org>', 'address-syntax'],
    [`MAIL FROM:<${'a'.repeat(65)}@example.org>`, 'address-syntax'],
    [`MAIL FROM:<a@${'b.'.repeat(130)}org>`, 'address-syntax'],
    ['MAIL FROM:<a@example.org>SIZE=5', 'parameter-syntax'],
    ['MAIL FROM:<a@example.org> SIZE=5 SIZE=6', 'parameter-syntax'],
    ['MAIL FROM:<a@example.org> =5', 'parameter-syntax'],
    ['MAIL FROM:<a@example.org> SIZE=', 'parameter-syntax'],
    ['MAIL FROM:<a@example.org> X=a\x07b', 'parameter-syntax'],
    [`MAIL FROM:<a@example.org>${' X'.repeat(30)}`, 'parameter-syntax'],
  ])('%j is refused', (line, code) => {
    expect(readPath(line, 'MAIL FROM')).toMatchObject({ refused: true, code });
  });
});

describe('RCPT TO', () => {
  test('takes postmaster without a domain, but no empty path', () => {
    expect(readPath('RCPT TO:<Postmaster>', 'RCPT TO')).toMatchObject({ address: 'Postmaster' });
    expect(readPath('RCPT TO:<>', 'RCPT TO')).toMatchObject({ code: 'recipient-syntax' });
  });

  test('a hostile path costs no time', () => {
    const spent = processorTime(() =>
      readPath(`RCPT TO:<"${'\\\\'.repeat(1500)}@${'a-'.repeat(300)}>`, 'RCPT TO'),
    );
    expect(spent).toBeLessThan(1000);
  });
});

describe('a domain that is not complete (RFC 6409 §4.2)', () => {
  test.each(['host', 'localhost', '192.0.2.1', 'exämple', 'a-b'])('%s', (domain) => {
    const mail = `MAIL FROM:<a@${domain}>`;
    const rcpt = `RCPT TO:<a@${domain}> NOTIFY=NEVER`;
    expect(readPath(mail, 'MAIL FROM')).toMatchObject({ refused: true, code: 'sender-domain' });
    expect(readPath(rcpt, 'RCPT TO')).toMatchObject({ refused: true, code: 'recipient-domain' });
    expect(readAnyPath(mail, 'MAIL FROM', 'any')).toMatchObject({ address: `a@${domain}` });
    expect(readAnyPath(rcpt, 'RCPT TO', 'any')).toMatchObject({ address: `a@${domain}` });
  });

  test.each([
    ['RCPT TO', 'a.b.c.d.example'],
    ['RCPT TO', '3com.example'],
    ['RCPT TO', 'example.xn--p1ai'],
    ['RCPT TO', '1.2.3.4x'],
    ['RCPT TO', 'bücher.example'],
    ['RCPT TO', '[192.0.2.1]'],
    ['RCPT TO', '[ipv6:2001:db8::1]'],
    ['MAIL FROM', '[IPv6:::ffff:192.0.2.1]'],
  ] as const)('%s is none: %s', (keyword, domain) => {
    expect(readPath(`${keyword}:<a@${domain}>`, keyword)).toMatchObject({ address: `a@${domain}` });
  });

  test('nor is there one in the null sender, in a quoted local part, or where postmaster stands alone', () => {
    expect(readPath('MAIL FROM:<>', 'MAIL FROM')).toMatchObject({ address: '' });
    expect(readPath('RCPT TO:<"a@b"@example.org>', 'RCPT TO')).toMatchObject({
      address: '"a@b"@example.org',
    });
    expect(readPath('RCPT TO:<postmaster>', 'RCPT TO')).toMatchObject({ address: 'postmaster' });
    expect(readPath('RCPT TO:<postmaster@host>', 'RCPT TO')).toMatchObject({ code: 'recipient-domain' });
  });
});
