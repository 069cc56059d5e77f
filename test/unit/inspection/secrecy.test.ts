// What leaves the inspection: no piece of a secret in any form, no control character, all else as it was.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeSafe, visible } from '../../../src/inspection/secrecy.ts';

const SECRET = 'eyJhbGciOiJFUzI1NiJ9.c2VjcmV0LWNsYWltcw.c2lnbmF0dXJlLW9mLWl0';

describe('a report', () => {
  it('keeps what is harmless', () => {
    const report = { a: ['x', 1, null, true], b: { c: 'grüß 250 OK' } };
    expect(makeSafe(report, [SECRET])).toEqual(report);
  });

  it('hides a secret, the whole and every piece of it', () => {
    expect(makeSafe(`before ${SECRET} after`, [SECRET])).toBe('before [hidden] after');
    expect(makeSafe(`${SECRET.slice(5, 25)}!`, [SECRET])).toBe('[hidden]!');
    expect(makeSafe({ [SECRET]: [{ deep: SECRET }] }, [SECRET])).toEqual({
      '[hidden]': [{ deep: '[hidden]' }],
    });
  });

  it('hides it in base64, whatever stands before and behind', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 20 }), fc.string({ maxLength: 20 }), (before, behind) => {
        const safe = makeSafe(Buffer.from(before + SECRET + behind).toString('base64'), [SECRET]);
        const left = Buffer.from(safe.replaceAll('[hidden]', '!').split('!').join(''), 'base64').toString(
          'latin1',
        );
        for (let at = 0; at + 16 <= SECRET.length; at += 1)
          expect(left).not.toContain(SECRET.slice(at, at + 16));
        expect(safe).toContain('[hidden]');
      }),
    );
  });

  it('hides a short secret too', () => {
    expect(makeSafe('it is hunter2.', ['hunter2'])).toBe('it is [hidden].');
  });
});

describe('visible text', () => {
  it.each([
    ['\u001b[2J', '\\x1b[2J'],
    ['a\r\nb\tc', 'a\\x0d\\x0ab\\x09c'],
    ['\u009bm', '\\x9bm'],
    ['\u202e\u2066', '\\u{202e}\\u{2066}'],
    ['\u2028', '\\u{2028}'],
    ['\ud800', '\\u{d800}'],
    ['grüß 東京 🙂', 'grüß 東京 🙂'],
  ])('%j is %j', (text, shown) => expect(visible(text)).toBe(shown));
});
