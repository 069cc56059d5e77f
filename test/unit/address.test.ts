// The address noun: what is one mailbox, its canonical form, and which two are the same.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressKey,
  canonicalAddress,
  isOfDomain,
  readDomainPattern,
  sameAddress,
} from '../../src/address.ts';

describe('canonicalAddress', () => {
  it.each([
    ['alice@example.org', 'alice@example.org'],
    ['Alice@EXAMPLE.org', 'Alice@example.org'],
    ['a.b+c=d@mail.example.co.uk', 'a.b+c=d@mail.example.co.uk'],
    ["!#$%&'*+-/=?^_`{|}~@example.org", "!#$%&'*+-/=?^_`{|}~@example.org"],
    ['root@localhost', 'root@localhost'],
    ['a@1and1.example', 'a@1and1.example'],
    ['"alice"@example.org', '"alice"@example.org'],
    ['"a@b"@example.org', '"a@b"@example.org'],
    ['"a\\"b"@example.org', '"a\\"b"@example.org'],
    ['"a..b"@example.org', '"a..b"@example.org'],
    ['a@[192.0.2.1]', 'a@[192.0.2.1]'],
    ['a@[IPv6:2001:DB8::1]', 'a@[ipv6:2001:db8::1]'],
    ['jürgen@example.org', 'jürgen@example.org'],
    ['a@Bücher.Example', 'a@bücher.example'],
    ['a@BÜCHER.example', 'a@bücher.example'],
    ['a@xn--bcher-kva.example', 'a@xn--bcher-kva.example'],
    [`${'l'.repeat(64)}@example.org`, `${'l'.repeat(64)}@example.org`],
    [`a@${'l'.repeat(63)}.org`, `a@${'l'.repeat(63)}.org`],
  ])('takes %s', (text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical);
  });

  it.each([
    ['nothing', ''],
    ['no at sign', 'alice'],
    ['no local part', '@example.org'],
    ['no domain', 'alice@'],
    ['two at signs', 'alice@evil.example@example.org'],
    ['a display name', 'Alice <alice@example.org>'],
    ['angle brackets', '<alice@example.org>'],
    ['a source route', '@a.example:alice@example.org'],
    ['a leading space', ' alice@example.org'],
    ['a trailing space', 'alice@example.org '],
    ['a space within', 'al ice@example.org'],
    ['a no-break space', 'al\u00a0ice@example.org'],
    ['a line break', 'alice@example.org\r\nRCPT TO:<bob@example.org>'],
    ['a tab', 'alice\t@example.org'],
    ['NUL', 'alice\u0000@example.org'],
    ['NUL after the domain', 'alice@example.org\u0000.evil.example'],
    ['a C1 control', 'alice\u0085@example.org'],
    ['a line separator', 'alice\u2028@example.org'],
    ['a bidi override', 'alice\u202e@example.org'],
    ['a zero-width space', 'ali\u200bce@example.org'],
    ['half a surrogate pair', 'alice\ud800@example.org'],
    ['a comment', 'alice(comment)@example.org'],
    ['a leading dot', '.alice@example.org'],
    ['a trailing dot', 'alice.@example.org'],
    ['two dots', 'al..ice@example.org'],
    ['a comma', 'alice,bob@example.org'],
    ['an open quote', '"alice@example.org'],
    ['text after a quote', '"alice"x@example.org'],
    ['an empty quoted string', '""@example.org'],
    ['a quoted space', '"al ice"@example.org'],
    ['a quoted angle bracket', '"a><b"@example.org'],
    ['an escaped angle bracket', '"a\\>b"@example.org'],
    ['a lone backslash', '"alice\\"@example.org'],
    ['a dot at the end of the domain', 'alice@example.org.'],
    ['an empty label', 'alice@example..org'],
    ['a label starting with a hyphen', 'alice@-example.org'],
    ['a label ending with a hyphen', 'alice@example-.org'],
    ['an underscore in the domain', 'alice@exa_mple.org'],
    ['an underscore in a U-label', 'alice@ä_b.org'],
    ['percent coding in the domain', 'alice@ex%61mple.org'],
    ['a path after the domain', 'alice@bücher.example/'],
    ['a port', 'alice@example.org:25'],
    ['an IPv4 address without brackets', 'alice@192.0.2.1'],
    ['an IPv4 address in full-width digits', 'alice@１９２.0.2.1'],
    ['full-width letters', 'alice@ｅxample.org'],
    ['an ideographic full stop', 'alice@bücher。example'],
    ['a soft hyphen', 'alice@exam\u00adple.org'],
    ['the Kelvin sign in the domain', 'alice@ban\u212a.org'],
    ['a broken literal', 'alice@[192.0.2.256]'],
    ['an IPv6 literal without its tag', 'alice@[::1]'],
    ['an IPv6 literal with a zone', 'alice@[IPv6:fe80::1%eth0]'],
    ['an unknown literal', 'alice@[x-tag:content]'],
    ['an open literal', 'alice@[192.0.2.1'],
    ['a local part of 65 octets', `${'l'.repeat(65)}@example.org`],
    ['a local part of 66 octets in 33 characters', `${'ü'.repeat(33)}@example.org`],
    ['a label of 64 octets', `alice@${'l'.repeat(64)}.org`],
    ['an address of 255 octets', `alice@${`${'l'.repeat(60)}.`.repeat(4)}${'l'.repeat(5)}`],
  ])('refuses %s', (_what, text) => {
    expect(canonicalAddress(text)).toBeUndefined();
    expect(addressKey(text)).toBeUndefined();
  });

  it('leaves its own result as it is, whatever it is given', () => {
    const label = fc.stringMatching(/^[A-Za-z0-9üß日]{1,5}$/);
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.tuple(fc.string({ maxLength: 10 }), label, label).map(([l, a, b]) => `${l}@${a}.${b}`),
    );
    fc.assert(
      fc.property(text, (input) => {
        const canonical = canonicalAddress(input);
        if (canonical === undefined) return;
        expect(canonicalAddress(canonical)).toBe(canonical);
        expect(sameAddress(input, canonical)).toBe(true);
        expect(canonical).not.toMatch(/[\p{C}\p{Z}<>]/u);
      }),
    );
  });
});

describe('sameAddress', () => {
  it.each([
    ['alice@example.org', 'alice@example.org'],
    ['alice@example.org', 'ALICE@EXAMPLE.ORG'],
    ['alice@bücher.example', 'alice@xn--bcher-kva.example'],
    ['alice@BÜCHER.example', 'alice@XN--BCHER-KVA.example'],
    ['"alice"@example.org', 'alice@example.org'],
    ['"al\\ice"@example.org', 'alice@example.org'],
    ['a@[IPv6:2001:DB8::1]', 'a@[ipv6:2001:db8::1]'],
  ])('%s is %s', (one, other) => {
    expect(sameAddress(one, other)).toBe(true);
    expect(addressKey(one)).toBe(addressKey(other));
  });

  it.each([
    ['alice@example.org', 'alicia@example.org'],
    ['alice@example.org', 'alice@example.com'],
    ['alice@example.org', 'alice@mail.example.org'],
    // Lower-casing beyond ASCII would make these one mailbox.
    ['frank@example.org', 'fran\u212a@example.org'],
    ['"alice@evil"@example.org', 'alice@evil.example'],
    ['alice+x@example.org', 'alice@example.org'],
    ['a.lice@example.org', 'alice@example.org'],
    ['straße@example.org', 'strasse@example.org'],
    ['a@straße.example', 'a@strasse.example'],
  ])('%s is not %s', (one, other) => {
    expect(sameAddress(one, other)).toBe(false);
  });

  it('is false for what is no address, even for the same text twice', () => {
    expect(sameAddress('', '')).toBe(false);
    expect(sameAddress('alice', 'alice')).toBe(false);
  });
});

describe('readDomainPattern', () => {
  it.each([
    ['*@example.org', 'example.org'],
    ['*@Example.ORG', 'example.org'],
    ['*@localhost', 'localhost'],
    ['*@BÜCHER.example', 'bücher.example'],
    ['*@xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ])('takes %s', (text, domain) => {
    expect(readDomainPattern(text)).toBe(domain);
  });

  it.each([
    ['an address', 'alice@example.org'],
    ['a domain alone', 'example.org'],
    ['an at sign and a domain', '@example.org'],
    ['no domain', '*@'],
    ['only the star', '*'],
    ['every domain', '*@*'],
    ['every sub-domain', '*@*.example.org'],
    ['more than a star', 'a*@example.org'],
    ['two stars', '**@example.org'],
    ['a quoted star', '"*"@example.org'],
    ['two at signs', '*@a@example.org'],
    ['an address literal', '*@[192.0.2.1]'],
    ['an IPv6 literal', '*@[IPv6:2001:db8::1]'],
    ['a leading dot', '*@.example.org'],
    ['a trailing dot', '*@example.org.'],
    ['a space', '*@ example.org'],
    ['angle brackets', '<*@example.org>'],
    ['a soft hyphen', '*@exam\u00adple.org'],
    ['nothing', ''],
  ])('refuses %s', (_what, text) => {
    expect(readDomainPattern(text)).toBeUndefined();
  });
});

describe('isOfDomain', () => {
  it.each([
    ['alice@example.org', 'example.org'],
    ['alice@EXAMPLE.org', 'Example.ORG'],
    ['"*"@example.org', 'example.org'],
    ['"alice@evil.example"@example.org', 'example.org'],
    ['a@bücher.example', 'xn--bcher-kva.example'],
    ['a@XN--BCHER-KVA.example', 'bücher.example'],
    ['a@BÜCHER.example', 'bücher.example'],
    ['root@localhost', 'localhost'],
  ])('%s is of %s', (address, domain) => {
    expect(isOfDomain(address, domain)).toBe(true);
  });

  it.each([
    ['a sub-domain', 'alice@mail.example.org', 'example.org'],
    ['the domain above', 'alice@example.org', 'mail.example.org'],
    ['one that ends alike', 'alice@badexample.org', 'example.org'],
    ['one that begins alike', 'alice@example.org.evil.example', 'example.org'],
    ['another top-level domain', 'alice@example.com', 'example.org'],
    ['the domain in the local part', '"alice@example.org"@evil.example', 'example.org'],
    ['two at signs', 'alice@example.org@evil.example', 'evil.example'],
    ['the percent hack', 'alice%example.org@evil.example', 'example.org'],
    ['a Cyrillic look-alike', 'alice@ex\u0430mple.org', 'example.org'],
    ['the look-alike in its A-form', 'alice@xn--exmple-4nf.org', 'example.org'],
    ['full-width letters', 'alice@\uff45xample.org', 'example.org'],
    ['the Kelvin sign', 'alice@ban\u212a.org', 'bank.org'],
    ['a sharp s', 'alice@stra\u00dfe.example', 'strasse.example'],
    ['a trailing dot', 'alice@example.org.', 'example.org'],
    ['a space', 'alice@example.org ', 'example.org'],
    ['NUL', 'alice@example.org\0.evil.example', 'example.org'],
    ['no local part', '@example.org', 'example.org'],
    ['the null reverse-path', '', 'example.org'],
    ['a broken domain, asked for itself', 'alice@exa_mple.org', 'exa_mple.org'],
    ['a domain that is none', 'alice@example.org', ''],
  ])('not %s', (_what, address, domain) => {
    expect(isOfDomain(address, domain)).toBe(false);
  });

  it('holds for an address exactly where the pattern of its domain would give it', () => {
    const label = fc.stringMatching(/^[A-Za-z0-9üß日а]{1,5}$/);
    fc.assert(
      fc.property(label, label, label, (local, one, other) => {
        const canonical = canonicalAddress(`x${local}@${one}.${other}`);
        const domain = readDomainPattern(`*@${one}.${other}`);
        expect(canonical === undefined).toBe(domain === undefined);
        if (canonical === undefined || domain === undefined) return;
        expect(isOfDomain(canonical, domain)).toBe(true);
        expect(isOfDomain(canonical, `sub.${domain}`)).toBe(false);
        expect(isOfDomain(canonical.replace('@', '@sub.'), domain)).toBe(false);
      }),
    );
  });
});
