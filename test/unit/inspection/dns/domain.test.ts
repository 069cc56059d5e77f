// All questions about a domain together, and what becomes of those that DNS does not answer.

import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { examineDomain } from '../../../../src/inspection/dns/domain.ts';
import { lookupIn, type Zone } from './zone.ts';

const HOST = 'mail.example.org';
const KEY = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .publicKey.export({ format: 'der', type: 'spki' })
  .toString('base64');

const GOOD: Zone = {
  texts: {
    'example.org': ['v=spf1 a:mail.example.org -all'],
    'mail._domainkey.example.org': [`v=DKIM1; p=${KEY}`],
    '_dmarc.example.org': ['v=DMARC1; p=reject'],
  },
  addresses: { [HOST]: ['192.0.2.1', '2001:db8::1'], 'autoconfig.example.org': ['192.0.2.2'] },
  services: { '_submissions._tcp.example.org': [{ target: HOST, port: 465, priority: 0 }] },
};

const examine = (zone: Zone, more: { selectors?: string[]; address?: string; domain?: string } = {}) =>
  examineDomain({
    domain: 'example.org',
    host: HOST,
    address: undefined,
    selectors: ['mail'],
    lookup: lookupIn(zone),
    ...more,
  });

const levels = async (...given: Parameters<typeof examine>) =>
  (await examine(...given)).findings.map(({ check, level }) => `${check} ${level}`);

describe('a domain', () => {
  it('with all in order is ok throughout, and its records are told', async () => {
    const report = await examine(GOOD);
    expect(report.findings.map(({ check, level }) => [check, level])).toEqual(
      ['spf', 'spf-host', 'dkim', 'dmarc', 'srv', 'autoconfiguration'].map((check) => [check, 'ok']),
    );
    expect(report.records).toEqual({
      spf: ['v=spf1 a:mail.example.org -all'],
      dkim: { 'mail._domainkey.example.org': [`v=DKIM1; p=${KEY}`] },
      dmarc: ['v=DMARC1; p=reject'],
      srv: { '_submissions._tcp.example.org': ['mail.example.org:465'], '_submission._tcp.example.org': [] },
      autoconfiguration: ['autoconfig.example.org'],
    });
  });

  it('with nothing in DNS is told all that is missing', async () => {
    expect(await levels({})).toEqual([
      'spf problem',
      'dkim problem',
      'dmarc warning',
      'srv warning',
      'autoconfiguration warning',
    ]);
  });

  it('without a selector is told that its key cannot be found', async () => {
    const report = await examine(GOOD, { selectors: [] });
    const dkim = report.findings.find(({ check }) => check === 'dkim');
    expect(dkim).toMatchObject({ level: 'warning', advice: expect.stringContaining('--dkim-selector') });
  });

  it('is judged by the address that was asked for', async () => {
    expect(await levels(GOOD, { address: '198.51.100.1' })).toContain('spf-host warning');
  });

  it('below another is under its DMARC', async () => {
    expect(await levels(GOOD, { domain: 'sub.example.org' })).toContain('dmarc ok');
  });
});

describe('a resolver that does not answer', () => {
  it('is a warning a question, and nothing is said to be missing', async () => {
    const silent = [
      'example.org',
      HOST,
      'mail._domainkey.example.org',
      '_dmarc.example.org',
      '_submissions._tcp.example.org',
      '_submission._tcp.example.org',
      'autoconfig.example.org',
      '_ua-auto-config.example.org',
    ];
    const { findings } = await examine({ silent });
    expect(new Set(findings.map(({ check, level }) => `${check} ${level}`))).toEqual(
      new Set(['dns warning']),
    );
    expect(findings).toHaveLength(silent.length);
    expect(findings[0]?.advice).toContain('--resolver');
  });

  it('for one name leaves the rest judged', async () => {
    expect(await levels({ ...GOOD, silent: ['_dmarc.example.org'] })).toEqual([
      'dns warning',
      'spf ok',
      'spf-host ok',
      'dkim ok',
      'srv ok',
      'autoconfiguration ok',
    ]);
  });
});
