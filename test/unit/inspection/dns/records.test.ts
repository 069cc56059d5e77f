// DKIM keys, DMARC policies, SRV records and automatic configuration: texts in, findings out.

import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { judgeDkim } from '../../../../src/inspection/dns/dkim.ts';
import { dmarcNames, dmarcTexts, judgeDmarc } from '../../../../src/inspection/dns/dmarc.ts';
import { judgeAutoconfiguration, judgeServices } from '../../../../src/inspection/dns/service-records.ts';
import { readTags } from '../../../../src/inspection/dns/tags.ts';

function rsa(modulusLength: number, type: 'spki' | 'pkcs1' = 'spki'): string {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength });
  return publicKey.export({ format: 'der', type }).toString('base64');
}

describe('a DKIM key', () => {
  const NAME = 'mail._domainkey.example.org';
  const good = rsa(2048);

  it.each<[string, string[], string, RegExp]>([
    ['RSA 2048', [`v=DKIM1; k=rsa; p=${good}`], 'ok', /rsa with 2048 bits/],
    ['without version and type', [`p=${good}`], 'ok', /2048/],
    ['as a bare RSAPublicKey', [`v=DKIM1; p=${rsa(2048, 'pkcs1')}`], 'ok', /2048/],
    ['with spaces in it', [`v=DKIM1; p=${good.slice(0, 50)} ${good.slice(50)}`], 'ok', /2048/],
    ['Ed25519', ['v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo='], 'ok', /ed25519/],
    ['RSA 1024', [`v=DKIM1; p=${rsa(1024)}`], 'warning', /has 1024 bits/],
    ['RSA 512', [`v=DKIM1; p=${rsa(512)}`], 'problem', /has 512 bits; receivers ignore it/],
    ['in test', [`v=DKIM1; t=s:y; p=${good}`], 'warning', /marked as a test/],
    ['SHA-1 only', [`v=DKIM1; h=sha1; p=${good}`], 'problem', /SHA-1 only/],
    ['revoked', ['v=DKIM1; p='], 'problem', /revoked/],
    ['cut off', [`v=DKIM1; p=${good.slice(0, 100)}`], 'problem', /cut off/],
    ['none', [], 'problem', /has no key/],
    ['two', [`p=${good}`, `p=${good}`], 'problem', /more than one/],
    ['no key at all', ['hello'], 'problem', /is no DKIM key record/],
    ['another version', [`v=DKIM2; p=${good}`], 'problem', /is no DKIM key record/],
  ])('%s', (_name, texts, level, means) => {
    const finding = judgeDkim(NAME, texts);
    expect(finding).toMatchObject({ check: 'dkim', level });
    expect(finding.means).toMatch(means);
  });
});

describe('a DMARC policy', () => {
  const at = (name: string, ...texts: string[]) => ({ name, texts });

  it.each<[string, Parameters<typeof judgeDmarc>[1], string, RegExp]>([
    ['reject', at('_dmarc.a.example.org', 'v=DMARC1; p=reject'), 'ok', /reject/],
    ['quarantine', at('_dmarc.a.example.org', 'v=DMARC1;p=Quarantine;pct=100'), 'ok', /quarantine/],
    ['none', at('_dmarc.a.example.org', 'v=DMARC1; p=none'), 'warning', /only watches/],
    ['of the domain above', at('_dmarc.example.org', 'v=DMARC1; p=reject'), 'ok', /_dmarc\.example\.org/],
    [
      'of the domain above, weaker',
      at('_dmarc.example.org', 'v=DMARC1; p=reject; sp=none'),
      'warning',
      /watches/,
    ],
    ['missing', undefined, 'warning', /has no DMARC record/],
    ['without a policy', at('_dmarc.a.example.org', 'v=DMARC1; rua=mailto:a@b'), 'problem', /has no policy/],
    ['two', at('_dmarc.a.example.org', 'v=DMARC1; p=none', 'v=DMARC1; p=none'), 'problem', /more than one/],
  ])('%s', (_name, found, level, means) => {
    const finding = judgeDmarc('a.example.org', found);
    expect(finding).toMatchObject({ check: 'dmarc', level });
    expect(finding.means).toMatch(means);
  });

  it('is looked for here and above, never at the top, and not for ever', () => {
    expect(dmarcNames('example.org')).toEqual(['_dmarc.example.org']);
    expect(dmarcNames('a.b.example.org')).toEqual([
      '_dmarc.a.b.example.org',
      '_dmarc.b.example.org',
      '_dmarc.example.org',
    ]);
    expect(dmarcNames('1.2.3.4.5.6.7.8.example.org')).toHaveLength(5);
    expect(dmarcNames('org')).toEqual(['_dmarc.org']);
  });

  it('is known by its version alone', () => {
    expect(dmarcTexts(['v=DMARC1; p=none', 'V = dmarc1;p=none', 'v=DMARC10; p=none', 'x'])).toHaveLength(2);
  });
});

describe('tags', () => {
  it.each([
    [
      'a=1; b = 2 ;',
      [
        ['a', '1'],
        ['b', '2'],
      ],
    ],
    ['A=x=y', [['a', 'x=y']]],
    ['', []],
  ])('%j', (text, tags) => expect([...(readTags(text) ?? [])]).toEqual(tags));

  it.each(['a', 'a=1;a=2', '=1', '1=2'])('%j is none', (text) => expect(readTags(text)).toBeUndefined());
});

describe('SRV records', () => {
  const record = (target: string, port: number) => ({ target, port, priority: 0 });
  const judge = (submissions: ReturnType<typeof record>[], submission: ReturnType<typeof record>[] = []) =>
    judgeServices({
      domain: 'example.org',
      host: 'mail.example.org',
      found: { '_submissions._tcp': submissions, '_submission._tcp': submission },
    }).map(({ level }) => level);

  it.each<[string, ReturnType<typeof judge>, string[]]>([
    ['to the host', judge([record('mail.example.org', 465)]), ['ok']],
    [
      'to the host among others, in capitals',
      judge([record('x.example', 465), record('MAIL.example.org.', 465)]),
      ['ok'],
    ],
    ['both', judge([record('mail.example.org', 465)], [record('mail.example.org', 587)]), ['ok', 'ok']],
    ['elsewhere', judge([record('other.example', 465)]), ['warning']],
    ['none', judge([]), ['warning']],
    ['to nothing', judge([record('', 0)]), ['problem']],
  ])('%s', (_name, levels, expected) => expect(levels).toEqual(expected));
});

describe('automatic configuration', () => {
  it.each([
    [true, [], 'ok'],
    [false, ['v=UAAC1; a=sha256; d=abc'], 'ok'],
    [false, ['something else'], 'warning'],
    [false, [], 'warning'],
  ] as const)('host %s, texts %j: %s', (hasHost, texts, level) => {
    expect(judgeAutoconfiguration({ domain: 'example.org', hasHost, texts }).level).toBe(level);
  });
});
