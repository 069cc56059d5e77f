// Distinguished names: read from RFC 4514's text and from a certificate, and one only where nothing is left to doubt.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  nameKey,
  parseName,
  readName,
  spellName,
} from '../../../../src/authorization/mutual-tls/distinguished-name.ts';
import { der, TEXT, type TestAttribute, testName } from '../../../support/app-certificates.ts';

function keyOf(text: string): string {
  const read = parseName(text);
  if ('fault' in read) throw new Error(read.fault);
  return nameKey(read.name);
}

function isSame(text: string, name: Buffer): boolean {
  const read = readName(name);
  return read !== undefined && nameKey(read) === keyOf(text);
}

const C: TestAttribute = ['C', 'SE', TEXT.printable];
const O: TestAttribute = ['O', 'Example'];
const CN: TestAttribute = ['CN', 'reports'];

describe('a name in a certificate is the registered one', () => {
  it.each<[string, string, Buffer]>([
    [
      'in the order of RFC 4514, the most special part first',
      'CN=reports,O=Example,C=SE',
      testName([C], [O], [CN]),
    ],
    ['whatever the case of its types', 'cn=reports,o=Example,c=SE', testName([C], [O], [CN])],
    ['with types as numbers', '2.5.4.3=reports,2.5.4.10=Example,2.5.4.6=SE', testName([C], [O], [CN])],
    [
      'with attributes of one part in any order',
      'OU=a+CN=b,C=SE',
      testName(
        [C],
        [
          ['CN', 'b'],
          ['OU', 'a'],
        ],
      ),
    ],
    ['with another kind of text', 'CN=reports', testName([['CN', 'reports', TEXT.printable]])],
    [
      'with characters that are escaped',
      'CN=a\\,b\\+c\\"d\\\\e\\;f\\<g\\>h',
      testName([['CN', 'a,b+c"d\\e;f<g>h']]),
    ],
    ['with = in a value, escaped or not', 'CN=a=b\\=c', testName([['CN', 'a=b=c']])],
    ['with spaces and # at the ends', 'CN=\\ a\\ ,O=\\#1', testName([['O', '#1']], [['CN', ' a ']])],
    ['with spaces inside', 'CN=a  b', testName([['CN', 'a  b']])],
    ['with octets as digits', 'CN=J\\C3\\B6rg\\2C', testName([['CN', 'Jörg,']])],
    ['with other scripts', 'CN=Jörg', testName([['CN', 'Jörg']])],
    [
      'with a mail address and domain parts',
      'emailAddress=a@example.org,DC=example,DC=org',
      testName(
        [['DC', 'org', TEXT.ia5]],
        [['DC', 'example', TEXT.ia5]],
        [['emailAddress', 'a@example.org', TEXT.ia5]],
      ),
    ],
  ])('%s', (_name, text, name) => {
    expect(isSame(text, name)).toBe(true);
  });
});

describe('a name in a certificate is another one', () => {
  const text = 'CN=reports,O=Example,C=SE';
  it.each<[string, Buffer]>([
    ['in another order', testName([CN], [O], [C])],
    ['with two parts changed', testName([O], [C], [CN])],
    ['with a part more', testName([C], [O], [['OU', 'x']], [CN])],
    ['with a part less', testName([C], [CN])],
    ['with two parts made one', testName([C], [O, CN])],
    ['in another case', testName([C], [O], [['CN', 'Reports']])],
    ['with a space more', testName([C], [O], [['CN', 'reports ']])],
    ['with a look-alike', testName([C], [O], [['CN', 'rероrts']])],
    ['with a letter in another form (NFD)', testName([C], [['O', 'Examplé']], [CN])],
    ['with another type', testName([C], [O], [['OU', 'reports']])],
    ['with the rest hidden in a value', testName([['CN', 'reports,O=Example,C=SE']])],
    ['empty', testName()],
  ])('%s', (_name, name) => {
    expect(isSame(text, name)).toBe(false);
  });

  it('where one value repeated stands for two', () => {
    expect(
      isSame(
        'CN=a+CN=b',
        testName([
          ['CN', 'a'],
          ['CN', 'a'],
        ]),
      ),
    ).toBe(false);
  });
});

describe('a name in a certificate is not read', () => {
  it.each<[string, Buffer]>([
    ['with a NUL', testName([['CN', 'reports\0.example.org']])],
    ['with a line break', testName([['CN', 'reports\n']])],
    ['with characters that change direction', testName([['CN', 'a\u202eb']])],
    ['with characters of no width', testName([['CN', 'a\u200bb']])],
    ['of T61', testName([['CN', 'reports', TEXT.t61]])],
    ['of BMP', testName([['CN', Buffer.from('reports', 'utf16le').swap16(), TEXT.bmp]])],
    ['with broken UTF-8', testName([['CN', Buffer.from([0x61, 0xc3])]])],
    ['with UTF-8 longer than it needs', testName([['CN', Buffer.from([0xc1, 0xa1])]])],
    ['that is cut off', testName([CN]).subarray(0, -1)],
    ['with something behind it', Buffer.concat([testName([CN]), Buffer.from([0])])],
    [
      'with a length in too many octets',
      Buffer.from(
        testName([CN])
          .toString('hex')
          .replace(/^30(..)/, '3081$1'),
        'hex',
      ),
    ],
    [
      'of no definite length',
      Buffer.concat([Buffer.from('3080', 'hex'), testName([CN]).subarray(2), Buffer.alloc(2)]),
    ],
    ['that is no sequence', der(0x31, testName([CN]))],
  ])('%s', (_name, name) => {
    expect(readName(name)).toBeUndefined();
  });

  it('whatever its octets are, without a fault', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (octets) => {
        const name = readName(Buffer.from(octets));
        if (name !== undefined) expect(typeof spellName(name)).toBe('string');
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a text is refused', () => {
  it.each([
    ['', /is empty/],
    ['reports', /RFC 4514, such as/],
    ['C = SE, CN = reports', /no space belongs around =/],
    ['CN=reports, O=Example', /no space belongs/],
    ['/C=SE/CN=reports', /divided by commas/],
    ['CN=reports,', /no distinguished name/],
    ['CN=reports+', /no distinguished name/],
    ['CN=reports;O=x', /no distinguished name/],
    ['CN="reports"', /no distinguished name/],
    ['CN=reports\\', /no distinguished name/],
    ['CN=', /empty/],
    ['CN= reports', /empty, hexadecimal/],
    ['CN=reports ,C=SE', /empty, hexadecimal/],
    ['CN=#0c0161', /hexadecimal/],
    ['CN=a\\00b', /cannot be seen/],
    ['CN=a\\C3', /cannot be seen/],
    ['CN=a\u200bb', /cannot be seen/],
    ['nickname=x', /not known by name/],
    [`CN=${'x'.repeat(2_000)}`, /longer than/],
  ])('%j', (text, why) => {
    expect(parseName(text)).toEqual({ fault: expect.stringMatching(why) });
  });
});

it('what is spelled is read as the same name', () => {
  const unit = fc.constantFrom(...'ab09 ,+"\\<>;#=/é€𐍈');
  const value = fc.string({ unit, minLength: 1, maxLength: 12 });
  const attribute = fc.tuple(fc.constantFrom('CN', 'O', 'OU', 'C'), value);
  const sets = fc.array(fc.array(attribute, { minLength: 1, maxLength: 2 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(sets, (given) => {
      const name = testName(...given);
      expect(isSame(spellName(readName(name)), name)).toBe(true);
    }),
  );
});
