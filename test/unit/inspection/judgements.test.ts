// Judgements that no server of the tests can be brought to deserve: facts in, findings out.

import { describe, expect, it } from 'vitest';
import { connectionFault, handshakeFault } from '../../../src/inspection/fault.ts';
import type { Level } from '../../../src/inspection/findings.ts';
import { judgeOldTls } from '../../../src/inspection/old-tls.ts';
import type { CertificateFacts, TlsFacts } from '../../../src/inspection/tls-facts.ts';
import { isTrustworthy, judgeTls } from '../../../src/inspection/tls-judgement.ts';

const NOW = Date.parse('2026-11-21T12:00:00Z');
const DAY = 86_400_000;
const inDays = (days: number): string => new Date(NOW + days * DAY).toISOString();

const CERTIFICATE: CertificateFacts = {
  subject: 'CN=mail.example.org',
  issuer: 'CN=Some CA',
  names: ['mail.example.org'],
  validFrom: inDays(-30),
  validTo: inDays(60),
  daysLeft: 60,
  key: { type: 'ec', bits: 256, curve: 'prime256v1' },
  signature: 'ecdsa-with-SHA256',
  selfSigned: false,
  fingerprint: '00',
};
const FACTS: TlsFacts = {
  protocol: 'TLSv1.3',
  cipher: 'TLS_AES_128_GCM_SHA256',
  forwardSecrecy: true,
  trusted: true,
  trustError: null,
  namesHost: true,
  certificates: [CERTIFICATE],
};

const judge = (facts: Partial<TlsFacts>, mode: 'starttls' | 'relay' = 'starttls') =>
  judgeTls({ facts: { ...FACTS, ...facts }, host: 'mail.example.org', mode, now: NOW })
    .filter(({ level }) => level !== 'ok')
    .map(({ check, level }) => `${check} ${level}`);

const withCertificate = (more: Partial<CertificateFacts>) =>
  judge({ certificates: [{ ...CERTIFICATE, ...more }] });

describe('TLS', () => {
  it('without a fault is ok', () => expect(judge({})).toEqual([]));

  it.each<[string, Partial<TlsFacts>, string]>([
    ['no certificate', { certificates: [] }, 'certificate-trust problem'],
    ['3DES', { cipher: 'TLS_RSA_WITH_3DES_EDE_CBC_SHA', forwardSecrecy: false }, 'tls-cipher warning'],
    ['RC4', { cipher: 'TLS_ECDHE_RSA_WITH_RC4_128_SHA' }, 'tls-cipher problem'],
    ['anonymous', { cipher: 'TLS_DH_anon_WITH_AES_128_GCM_SHA256' }, 'tls-cipher problem'],
    ['untrusted', { trusted: false, trustError: 'SELF_SIGNED_CERT_IN_CHAIN' }, 'certificate-trust problem'],
  ])('with %s', (_name, facts, expected) => expect(judge(facts)).toEqual([expected]));

  it.each<[string, Partial<CertificateFacts>, string[]]>([
    [
      'a week left of ninety days',
      { validTo: inDays(7), validFrom: inDays(-83) },
      ['certificate-expiry warning'],
    ],
    ['a week left of nine days', { validTo: inDays(7), validFrom: inDays(-2) }, []],
    ['a day left of six', { validTo: inDays(1), validFrom: inDays(-5) }, ['certificate-expiry warning']],
    ['one second over', { validTo: new Date(NOW - 1000).toISOString() }, ['certificate-expiry problem']],
    ['a DSA key', { key: { type: 'dsa', bits: 2048, curve: null } }, ['certificate-key problem']],
    ['a small curve', { key: { type: 'ec', bits: 192, curve: 'prime192v1' } }, ['certificate-key problem']],
    ['Ed25519', { key: { type: 'ed25519', bits: 255, curve: null } }, []],
    ['MD5', { signature: 'md5WithRSAEncryption' }, ['certificate-signature problem']],
    ['SHA-256 with RSA-PSS', { signature: 'rsassaPss' }, []],
    ['a signature this Node cannot name', { signature: null }, []],
  ])('with a certificate with %s', (_name, more, expected) =>
    expect(withCertificate(more)).toEqual(expected),
  );

  it('looks at the issuers too, but not at how an authority signs itself', () => {
    const issuer = {
      ...CERTIFICATE,
      subject: 'CN=Some CA',
      validTo: inDays(-1),
      signature: 'sha1WithRSAEncryption',
    };
    expect(judge({ certificates: [CERTIFICATE, issuer] })).toEqual([
      'certificate-expiry problem',
      'certificate-signature problem',
    ]);
    const root = { ...issuer, validTo: inDays(1000), selfSigned: true };
    expect(judge({ certificates: [CERTIFICATE, root] })).toEqual([]);
  });

  it('of a mail exchanger is judged as other servers judge it', () => {
    const facts = { trusted: false, trustError: 'DEPTH_ZERO_SELF_SIGNED_CERT', namesHost: false };
    expect(judge(facts)).toEqual(['certificate-trust problem', 'certificate-name problem']);
    expect(judge(facts, 'relay')).toEqual(['certificate-trust warning', 'certificate-name warning']);
  });

  it.each([
    [{}, true],
    [{ trusted: false }, false],
    [{ namesHost: false }, false],
  ])('%j may have a token: %s', (facts, expected) => {
    expect(isTrustworthy({ ...FACTS, ...facts })).toBe(expected);
  });
});

describe('old versions of TLS', () => {
  it.each<[string, ('taken' | 'refused' | 'untried')[], Level[]]>([
    ['both refused', ['refused', 'refused'], ['ok']],
    ['one taken', ['refused', 'taken'], ['problem']],
    ['one not tried', ['untried', 'refused'], ['warning']],
    ['one taken, one not tried', ['taken', 'untried'], ['problem', 'warning']],
  ])('%s', (_name, [first = 'refused', second = 'refused'], levels) => {
    const findings = judgeOldTls('starttls', [
      { version: 'TLSv1', outcome: first },
      { version: 'TLSv1.1', outcome: second },
    ]);
    expect(findings.map(({ level }) => level)).toEqual(levels);
  });

  it('are a warning where other servers deliver', () => {
    const findings = judgeOldTls('relay', [{ version: 'TLSv1', outcome: 'taken' }]);
    expect(findings.map(({ level }) => level)).toEqual(['warning']);
  });

  it('say honestly that they could not be tried', () => {
    const [finding] = judgeOldTls('starttls', [{ version: 'TLSv1', outcome: 'untried' }]);
    expect(finding?.means).toContain('could not be tried');
  });
});

describe('a failed handshake', () => {
  it.each([
    ['ERR_SSL_NO_PROTOCOLS_AVAILABLE', 'untried'],
    ['ERR_SSL_NO_CIPHER_MATCH', 'untried'],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'handshake'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'handshake'],
    ['ECONNRESET', 'handshake'],
  ])('with %s is of the kind %s', (code, kind) => {
    expect(handshakeFault(Object.assign(new Error(), { code })).kind).toBe(kind);
  });
});

describe('a failed connection', () => {
  it.each([
    ['ENOTFOUND', 'no-such-host'],
    ['EAI_AGAIN', 'no-such-host'],
    ['ECONNREFUSED', 'refused'],
    ['EHOSTUNREACH', 'unreachable'],
    ['ETIMEDOUT', 'timeout'],
    ['ECONNRESET', 'closed'],
  ])('with %s is of the kind %s', (code, kind) => {
    expect(connectionFault(Object.assign(new Error(), { code })).kind).toBe(kind);
  });

  it('to several addresses is that of the first', () => {
    const refused = Object.assign(new Error(), { code: 'ECONNREFUSED' });
    expect(connectionFault(new AggregateError([refused, refused])).kind).toBe('refused');
  });
});
