// What is read of a certificate and its key: its names and dates, or why it cannot be used.

import { beforeAll, describe, expect, it } from 'vitest';
import { readCertificates, readPair } from '../../../src/tls/pair.ts';
import { type Authority, type Issued, makeAuthority } from '../../support/certificate-maker.ts';

const FILES = { certificate: 'cert.pem', key: 'key.pem' };

let authority: Authority;
let issued: Issued;
beforeAll(async () => {
  authority = await makeAuthority();
  issued = await authority.issue({ names: ['mail.example.org'] });
});

function faultsOf(texts: Issued): string[] {
  const read = readPair(texts, FILES);
  if (!('faults' in read)) throw new Error('expected faults');
  return read.faults.map(({ concerns, message }) => `${concerns}: ${message}`);
}

describe('a pair', () => {
  it('bears the names of subjectAltName in small letters, and nothing else', async () => {
    const names = ['Mail.Example.org', '*.example.net', 'xn--bcher-kva.example'];
    const read = readPair(await authority.issue({ names, commonName: 'other.example.org' }), FILES);
    expect(read).toMatchObject({ names: names.map((name) => name.toLowerCase()) });
    expect(readPair(await authority.issue({ names: [], commonName: 'a.example.org' }), FILES)).toMatchObject({
      names: [],
    });
  });

  it('is not given names by the text of one', async () => {
    const names = ['a.example.org, DNS:b.example.org', 'c.example.org"', 'd.example.org'];
    expect(readPair(await authority.issue({ names }), FILES)).toMatchObject({ names: ['d.example.org'] });
  });

  it('has its dates', async () => {
    const dates = { notBefore: Date.UTC(2020, 0, 1), notAfter: Date.UTC(2021, 0, 1) };
    expect(readPair(await authority.issue({ names: ['a.example.org'], ...dates }), FILES)).toMatchObject(
      dates,
    );
  });

  it('may bring its chain, and text around it', () => {
    const certificate = `the server\n${issued.certificate}the authority\n${authority.certificate}`;
    expect(readPair({ ...issued, certificate }, FILES)).toHaveProperty('leaf');
  });

  it('is refused in words, both halves at once, none of them of the key', () => {
    const half = (text: string) => text.slice(0, text.length - 60);
    const secret = issued.key.split('\n')[1] ?? '';
    const faults = faultsOf({ certificate: half(issued.certificate), key: half(issued.key) });
    expect(faults).toEqual([
      'certificate: cert.pem holds a certificate that cannot be read; is it cut off?',
      'key: key.pem holds a private key that cannot be read; is it cut off?',
    ]);
    expect(faults.join()).not.toContain(secret.slice(0, 20));
  });

  it('is refused where the chain comes before the certificate', () => {
    expect(faultsOf({ ...issued, certificate: authority.certificate + issued.certificate })).toEqual([
      'key: does not belong to the certificate; the server’s own certificate must come first in its file',
    ]);
  });

  it('is refused where OpenSSL would refuse it at the first handshake', async () => {
    const weak = await authority.issue({ names: ['a.example.org'], kind: 'weak-rsa' });
    expect(faultsOf(weak)).toEqual(['certificate: cert.pem cannot be used: ee key too small']);
  });
});

it('a list of authorities is every one of them, or what is wrong', () => {
  expect(readCertificates(authority.certificate + issued.certificate, 'ca.pem')).toHaveLength(2);
  expect(readCertificates(issued.key, 'ca.pem')).toContain('ca.pem holds no certificate in PEM form');
  expect(readCertificates(`${issued.certificate}-----BEGIN CERTIFICATE-----\nMII`, 'ca.pem')).toContain(
    'cut off?',
  );
});
