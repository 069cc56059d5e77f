import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readClientName } from '../../../../src/authorization/open-clients/client-name.ts';

test.each([
  ['Thunderbird', 'Thunderbird'],
  ['  Example Mail 2.0 (beta)  ', 'Example Mail 2.0 (beta)'],
  ['K-9 Mail/Android', 'K-9 Mail/Android'],
  ['Müllers Post & Söhne', 'Müllers Post & Söhne'],
  ['Почта', 'Почта'],
  ['メール Mail', 'メール Mail'],
  ['بريد', 'بريد'],
  ['ｅｘａｍｐｌｅ', 'example'],
  ['𝐌𝐚𝐢𝐥', 'Mail'],
])('%s is shown as %s', (given, shown) => {
  expect(readClientName(given)).toEqual({ name: shown });
});

// UTR #36 §2, §3 and UTS #39: what shows something else than it holds.
test.each([
  ['a line end', 'Mail\nVerified by your bank'],
  ['NUL', 'Mail\0'],
  ['an escape sequence', 'Mail\u001b[31m'],
  ['a bidirectional override', 'Mail \u202egro.elpmaxe'],
  ['a bidirectional isolate', 'Mail \u2067x\u2069'],
  ['a right-to-left mark', 'Mail\u200f'],
  ['a zero-width space', 'Thunder\u200bbird'],
  ['a soft hyphen', 'Thunder\u00adbird'],
  ['a word joiner', 'Thunder\u2060bird'],
  ['a byte order mark inside', 'Thunder\ufeffbird'],
  ['a Hangul filler, which is a letter', 'Mail \u3164'],
  ['a tag character', 'Mail\u{e0041}'],
  ['a variation selector', 'Mail\ufe0f'],
  ['a heap of marks', 'Ma\u0301\u0302\u0303\u0304il'],
  ['a lone surrogate', 'Mail\ud800'],
  ['a line separator', 'Mail\u2028x'],
  ['markup', '<b>Mail</b>'],
  ['an address', 'alice@example.org'],
  ['a link', 'Mail https://evil.example'],
  ['many spaces', 'Mail          Verified'],
  ['Cyrillic among Latin', 'Thundеrbird'],
  ['Greek among Latin', 'Μail'],
  ['nothing', ''],
  ['nothing to see', '   '],
  ['a mark first', '\u0301Mail'],
  ['too much', 'x'.repeat(61)],
  ['far too much', 'x'.repeat(1_000_000)],
  ['the name of this server', 'Postern'],
  ['the name of this server in disguise', 'P 0 5 t e r n command line'],
  ['the name of this server with marks', 'Pöstérn'],
  ['a number', 7],
  ['a list', ['Mail']],
  ['null', null],
])('%s is no name', (_what, name) => {
  const read = readClientName(name);
  expect('fault' in read && read.fault).toMatch(/^client_name /);
});

test('whatever is given, what is shown holds nothing that cannot be seen or that turns the line around', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (text) => {
      const read = readClientName(text);
      if ('fault' in read) return;
      expect(read.name).not.toMatch(
        /[\p{C}\p{Zl}\p{Zp}\p{Bidi_Control}\p{Default_Ignorable_Code_Point}<>"@]/u,
      );
      expect(readClientName(read.name)).toEqual(read);
    }),
    { numRuns: 5000 },
  );
});
