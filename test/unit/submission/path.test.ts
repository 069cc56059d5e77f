// MAIL and RCPT arguments: what is taken as it stands, what is refused.

import { describe, expect, test } from 'vitest';
import { readPath } from '../../../src/submission/path.ts';

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
    const started = performance.now();
    readPath(`RCPT TO:<"${'\\\\'.repeat(1500)}@${'a-'.repeat(300)}>`, 'RCPT TO');
    expect(performance.now() - started).toBeLessThan(100);
  });
});
