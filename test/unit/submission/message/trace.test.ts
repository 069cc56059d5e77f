// The Received field, and that it tells of the client what it should.

import { describe, expect, test } from 'vitest';
import { receivedField, type TraceOptions } from '../../../../src/submission/message/trace.ts';

const TRACE: TraceOptions = {
  hostname: 'mail.example.org',
  clientName: 'client.example',
  clientAddress: '192.0.2.1',
  id: 's.1',
  cipher: 'TLS_AES_128_GCM_SHA256',
  signedIn: true,
  utf8: false,
  time: new Date('2026-11-21T08:00:00Z'),
};

const received = (changes: Partial<TraceOptions> = {}, clientAddress: 'show' | 'hide' = 'show') =>
  receivedField({ ...TRACE, ...changes }, clientAddress);

test('is folded and complete (RFC 5321 §4.4)', () => {
  expect(received()).toBe(
    'Received: from client.example ([192.0.2.1])\r\n' +
      '\tby mail.example.org (Postern) with ESMTPSA tls TLS_AES_128_GCM_SHA256\r\n' +
      '\tid s.1;\r\n' +
      '\tSat, 21 Nov 2026 08:00:00 +0000\r\n',
  );
});

describe('names the protocol (RFC 3848, RFC 6531 §4.3)', () => {
  const cipher = 'TLS_AES_128_GCM_SHA256';
  test.each([
    ['ESMTPSA', { cipher, signedIn: true, utf8: false }],
    ['ESMTPS', { cipher, signedIn: false, utf8: false }],
    ['ESMTPA', { cipher: undefined, signedIn: true, utf8: false }],
    ['ESMTP', { cipher: undefined, signedIn: false, utf8: false }],
    ['UTF8SMTPSA', { cipher, signedIn: true, utf8: true }],
    ['UTF8SMTPS', { cipher, signedIn: false, utf8: true }],
    ['UTF8SMTPA', { cipher: undefined, signedIn: true, utf8: true }],
    ['UTF8SMTP', { cipher: undefined, signedIn: false, utf8: true }],
  ])('%s', (name, changes) => {
    const tls = changes.cipher ? ' tls TLS_AES_128_GCM_SHA256' : '';
    expect(received(changes)).toContain(`\tby mail.example.org (Postern) with ${name}${tls}\r\n`);
  });
});

describe('tells of the client', () => {
  test.each([
    ['its name and address', 'client.example', '192.0.2.1', 'client.example ([192.0.2.1])'],
    ['an address of IPv6', 'client.example', '2001:db8::1', 'client.example ([IPv6:2001:db8::1])'],
    ['no literal that it gave', '[10.0.0.1]', '192.0.2.1', '[192.0.2.1] ([192.0.2.1])'],
    ['nothing that is no name', 'x(by', '192.0.2.1', '[192.0.2.1] ([192.0.2.1])'],
  ])('%s', (_what, clientName, clientAddress, from) => {
    expect(received({ clientName, clientAddress }).split('\r\n')[0]).toBe(`Received: from ${from}`);
  });

  test('nothing where its address is hidden, in the form that RFC 5321 §4.4 asks for', () => {
    const field = received({}, 'hide');
    expect(field).toMatch(/^Received: from \[127\.0\.0\.1\] \(localhost \[127\.0\.0\.1\]\)\r\n\tby mail/);
    expect(field).not.toMatch(/client\.example|192\.0\.2\.1/);
  });
});
