// The certificate of a connection: what there is to know of one that has none, or is gone.

import type { TLSSocket } from 'node:tls';
import { expect, it } from 'vitest';
import { thumbprintOf } from '../../../../src/submission/access/client-certificate.ts';

const socketWith = (certificate: unknown) =>
  ({ getPeerCertificate: () => certificate }) as unknown as TLSSocket;

it.each([
  ['in clear text', {} as TLSSocket],
  ['without a certificate', socketWith({})],
  ['that is destroyed', socketWith(null)],
])('a connection %s has none', (_what, socket) => expect(thumbprintOf(socket)).toBeUndefined());

it('is known by the SHA-256 of its DER form (RFC 8705 §3.1)', () => {
  // FIPS 180-2, appendix B.1.
  expect(thumbprintOf(socketWith({ raw: Buffer.from('abc') }))).toBe(
    Buffer.from('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad', 'hex').toString(
      'base64url',
    ),
  );
});
