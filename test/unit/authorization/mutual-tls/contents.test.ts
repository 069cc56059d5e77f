// What is read of a certificate, octet by octet: whatever stands there, an answer and no fault.

import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { readAuthorities } from '../../../../src/authorization/mutual-tls/authorities.ts';
import { readContents } from '../../../../src/authorization/mutual-tls/contents.ts';
import { faultOfSubject, SUBJECT_KINDS } from '../../../../src/authorization/mutual-tls/subject.ts';
import { type AppCertificate, alternative, makeAppAuthority } from '../../../support/app-certificates.ts';

let authority: AppCertificate;
let certificate: Buffer;
beforeAll(async () => {
  authority = await makeAppAuthority();
  const names = [alternative.dns('app.example.org'), alternative.uri('urn:app'), alternative.ip(10, 1, 2, 3)];
  certificate = new X509Certificate((await authority.issue({ names })).certificate).raw;
});

function readAll(der: Buffer): void {
  const contents = readContents(der);
  if (contents === undefined) return;
  for (const kind of SUBJECT_KINDS) {
    const text = { dn: 'CN=x', dns: 'x', uri: 'x:y', ip: '10.0.0.1', email: 'x@y.example' }[kind];
    expect(typeof faultOfSubject(contents, kind, text)).toBe('string');
  }
}

describe('a certificate', () => {
  it('is read', () => {
    expect(readContents(certificate)).toMatchObject({
      alternativeNames: [{ kind: 'dns' }, { kind: 'uri' }, { kind: 'ip' }],
      isAuthority: false,
      maySign: true,
      purposes: ['1.3.6.1.5.5.7.3.2'],
      hasNameConstraints: false,
      notUnderstood: [],
      signature: '1.2.840.10045.4.3.2',
    });
  });

  it('with any octets changed is read or not, without a fault', () => {
    const change = fc.tuple(fc.nat(certificate.length - 1), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const changed = Buffer.from(certificate);
        for (const [at, octet] of changes) changed[at] = octet;
        readAll(changed);
      }),
      { numRuns: 3_000 },
    );
  });

  it('that is cut off anywhere, or has something behind it, is not read', () => {
    for (let length = 0; length < certificate.length; length += 1) {
      expect(readContents(certificate.subarray(0, length))).toBeUndefined();
    }
    expect(readContents(Buffer.concat([certificate, Buffer.of(0)]))).toBeUndefined();
  });
});

it('an authority with a key of an unknown kind is refused in words', () => {
  const { raw } = new X509Certificate(authority.certificate);
  const changed = Buffer.from(raw);
  // id-ecPublicKey.
  changed[raw.indexOf(Buffer.from('2a8648ce3d0201', 'hex')) + 6] = 0x7f;
  const pem = `-----BEGIN CERTIFICATE-----\n${changed.toString('base64')}\n-----END CERTIFICATE-----\n`;
  expect(readAuthorities(pem, 'apps-ca.pem')).toBe(
    'apps-ca.pem: the certificate of "CN=Apps" has a key of a kind that OpenSSL does not know',
  );
});
