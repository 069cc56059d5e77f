// xtext as RFC 3461 §4 writes it.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { xtext } from '../../../../src/relay/announce/xtext.ts';

test.each([
  ['alice@example.org', 'alice@example.org'],
  // RFC 4954 §5.
  ['e=mc2@example.com', 'e+3Dmc2@example.com'],
  ['a+b@example.org', 'a+2Bb@example.org'],
  ['"a b"@example.org', '"a+20b"@example.org'],
  ['x\r\nRSET', 'x+0D+0ARSET'],
  ['\0\t\x7f', '+00+09+7F'],
  ['ü', '+C3+BC'],
  ['!~', '!~'],
  ['', ''],
])('%j is %s', (value, text) => {
  expect(xtext(value)).toBe(text);
});

test('of anything is xtext, and decodes to what went in', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const text = xtext(value);
      // RFC 3461 §4: xtext = *( xchar / hexchar )
      expect(text).toMatch(/^(?:[!-*,-<>-~]|\+[0-9A-F]{2})*$/);
      const bytes = text.replace(/\+(..)/g, (_, digits: string) =>
        String.fromCharCode(Number.parseInt(digits, 16)),
      );
      expect(Buffer.from(bytes, 'latin1').equals(Buffer.from(value, 'utf8'))).toBe(true);
    }),
  );
});
