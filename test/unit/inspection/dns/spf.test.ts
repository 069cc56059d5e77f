// SPF: what a record says, whether receivers can read it, and whether mail from the host passes.

import { describe, expect, it } from 'vitest';
import { judgeSpf, judgeSpfHost, spfResult } from '../../../../src/inspection/dns/spf-judgement.ts';
import { countQuestions, readSpf } from '../../../../src/inspection/dns/spf-record.ts';
import { lookupIn, type Zone } from './zone.ts';

const DOMAIN = 'example.org';
const record = (text: string, more: Record<string, string[]> = {}): Zone => ({
  texts: { [DOMAIN]: [text], ...more },
});

async function judge(zone: Zone): Promise<[string, string][]> {
  const findings = judgeSpf(await readSpf(DOMAIN, lookupIn(zone)));
  return findings.map(({ level, means }) => [level, means]);
}

describe('an SPF record', () => {
  it.each<[string, Zone]>([
    ['v=spf1 ip4:192.0.2.0/24 -all', record('v=spf1 ip4:192.0.2.0/24 -all')],
    ['in capitals', record('V=SPF1 MX ~ALL')],
    ['among other texts', { texts: { [DOMAIN]: ['verification=1', 'v=spf1 -all', 'v=spf10 nonsense'] } }],
    ['with a redirect', record('v=spf1 redirect=b.example', { 'b.example': ['v=spf1 -all'] })],
    ['with ten questions', record(`v=spf1 ${'a:h.example '.repeat(10)}-all`)],
  ])('is good: %s', async (_name, zone) =>
    expect((await judge(zone)).map(([level]) => level)).toEqual(['ok']),
  );

  it.each<[string, Zone, string, RegExp]>([
    ['none', { texts: { [DOMAIN]: ['other'] } }, 'problem', /has no SPF record/],
    ['two', { texts: { [DOMAIN]: ['v=spf1 -all', 'v=spf1 mx -all'] } }, 'problem', /more than one/],
    ['+all', record('v=spf1 mx +all'), 'problem', /everybody may send/],
    ['all without a sign', record('v=spf1 all'), 'problem', /everybody may send/],
    ['?all', record('v=spf1 mx ?all'), 'warning', /ends in \?all/],
    ['no end', record('v=spf1 mx'), 'warning', /has no end/],
    ['ptr', record('v=spf1 ptr -all'), 'warning', /uses ptr/],
    ['eleven questions', record(`v=spf1 ${'mx:h.example '.repeat(11)}-all`), 'problem', /about 11 questions/],
    [
      'eleven questions, most in what it includes',
      record('v=spf1 include:b.example -all', { 'b.example': [`v=spf1 ${'a:h.example '.repeat(10)}-all`] }),
      'problem',
      /about 11 questions/,
    ],
    [
      'an include of nothing',
      record('v=spf1 include:gone.example -all'),
      'problem',
      /includes gone\.example/,
    ],
    ['an include of itself', record(`v=spf1 include:${DOMAIN} -all`), 'problem', /includes itself/],
  ])('is not: %s', async (_name, zone, level, means) => {
    const [finding, ...others] = await judge(zone);
    expect(finding?.[0]).toBe(level);
    expect(finding?.[1]).toMatch(means);
    expect(others).toEqual([]);
  });

  it('that DNS does not answer for is not said to be missing', async () => {
    expect(await judge({ silent: [DOMAIN] })).toEqual([]);
  });

  it('that includes without end is given up', async () => {
    const texts: Record<string, string[]> = {};
    for (let n = 0; n < 500; n += 1)
      texts[n === 0 ? DOMAIN : `${n}.example`] = [
        `v=spf1 include:${2 * n + 1}.example include:${2 * n + 2}.example -all`,
      ];
    const lookup = lookupIn({ texts });
    const policy = await readSpf(DOMAIN, lookup);
    expect(lookup.asked.length).toBeLessThanOrEqual(30);
    expect(countQuestions(policy)).toBeGreaterThan(10);
  });
});

describe('mail from an address', () => {
  const zone: Zone = {
    texts: {
      [DOMAIN]: [
        'v=spf1 ip4:192.0.2.0/28 -ip4:198.51.100.7 a:out.example/30 mx include:b.example exists:%{i}.x.example ~all',
      ],
      'b.example': ['v=spf1 ip6:2001:db8::/32 -all'],
      'r.example': ['v=spf1 redirect=b.example'],
      'one.example': ['v=spf1 ip4:203.0.113.5 a -all'],
    },
    addresses: {
      'out.example': ['198.51.100.1'],
      'mx1.example': ['203.0.113.9'],
      'one.example': ['2001:db8::1'],
    },
    exchangers: { [DOMAIN]: ['mx1.example'] },
  };

  it.each([
    [DOMAIN, '192.0.2.15', '+'],
    [DOMAIN, '192.0.2.16', undefined],
    [DOMAIN, '198.51.100.7', '-'],
    [DOMAIN, '198.51.100.2', '+'],
    [DOMAIN, '203.0.113.9', '+'],
    [DOMAIN, '2001:db8::25', '+'],
    ['r.example', '2001:db8::25', '+'],
    ['r.example', '192.0.2.1', '-'],
    ['one.example', '203.0.113.5', '+'],
    ['one.example', '203.0.113.6', '-'],
    ['one.example', '2001:db8::1', '+'],
    ['one.example', '2001:db8::2', '-'],
  ])('of %s, %s: %s', async (domain, address, result) => {
    expect(spfResult(await readSpf(domain, lookupIn(zone)), address)).toBe(result);
  });

  it('that does not pass is a warning only, for mail may leave by another', async () => {
    const policy = await readSpf('one.example', lookupIn(zone));
    expect(judgeSpfHost(policy, 'h.example', ['203.0.113.5'])).toMatchObject([
      { check: 'spf-host', level: 'ok' },
    ]);
    const [finding] = judgeSpfHost(policy, 'h.example', ['203.0.113.5', '192.0.2.1']);
    expect(finding).toMatchObject({ check: 'spf-host', level: 'warning' });
    expect(finding?.means).toContain('192.0.2.1');
    expect(finding?.means).not.toContain('203.0.113.5');
  });
});
