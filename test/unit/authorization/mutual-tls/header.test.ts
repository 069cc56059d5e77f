// The header with a client's certificate: from whom it is taken, whatever form a socket gives an address.

import { beforeAll, describe, expect, it } from 'vitest';
import { createCertificateReader } from '../../../../src/authorization/mutual-tls/header.ts';
import { type AppCertificate, makeAppAuthority } from '../../../support/app-certificates.ts';
import { asBytes, asEscapedPem, asPemInOneLine } from '../../../support/client-certificates.ts';

let authority: AppCertificate;
beforeAll(async () => {
  authority = await makeAppAuthority();
});

const read = createCertificateReader({ header: 'Client-Cert', from: ['10.0.0.0/28', '2001:db8::1'] });
const shown = (remoteAddress: string | undefined, ...rawHeaders: string[]) =>
  read({ rawHeaders, socket: { remoteAddress } as never }, Date.now());

describe('the header is taken', () => {
  it.each(['10.0.0.15', '::ffff:10.0.0.1', '2001:db8:0:0::1'])('from %s', (address) => {
    expect(shown(address, 'client-cert', asBytes(authority.certificate))).toHaveProperty('raw');
  });

  it.each([asBytes, asEscapedPem, asPemInOneLine])('in each form of a proxy', (form) => {
    expect(shown('10.0.0.1', 'Client-Cert', form(authority.certificate))).toHaveProperty('raw');
  });
});

describe('the header is refused', () => {
  it.each(['10.0.0.16', '::ffff:10.0.0.16', '2001:db8::2', '', undefined])('from %s', (address) => {
    const fault = expect.stringContaining('which is not in reverseProxy.from');
    expect(shown(address, 'Client-Cert', asBytes(authority.certificate))).toEqual({ fault });
    // Also an empty one: who writes it is not the proxy, and nobody else may think so.
    expect(shown(address, 'Client-Cert', '')).toEqual({ fault });
  });

  it('where it stands twice, whatever its case and be the other empty', () => {
    const bytes = asBytes(authority.certificate);
    expect(shown('10.0.0.1', 'Client-Cert', bytes, 'CLIENT-CERT', '')).toEqual({
      fault: expect.stringContaining('2 times'),
    });
  });

  it('but not looked for in the values of others', () => {
    expect(shown('10.0.0.1', 'X-Name', 'client-cert', 'X-Other', 'x')).toBeUndefined();
  });
});
