// What the operator may say about TLS at the mail client's door: certificates, versions, ciphers, resumption.

import Type from 'typebox';
import { duration, existingFile } from '../setting.ts';

export const CertificateSettings = Type.Object(
  {
    certificate: existingFile({ description: 'PEM file with the certificate and its chain.' }),
    key: existingFile({ description: 'PEM file with the private key.' }),
  },
  { additionalProperties: false },
);

export const TlsSettings = Type.Object(
  {
    certificate: existingFile({
      description:
        'PEM file with the certificate and its chain. Read again when it changes, without a restart.',
    }),
    key: existingFile({ description: 'PEM file with the private key.' }),
    certificates: Type.Array(CertificateSettings, {
      default: [],
      description:
        'Further certificates. Each is shown to clients that ask for one of its names (SNI); all others see the one above.',
    }),
    minVersion: Type.Union([Type.Literal('TLSv1.2'), Type.Literal('TLSv1.3')], {
      default: 'TLSv1.2',
      description: 'Oldest protocol version taken (RFC 8997).',
    }),
    ciphers: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Cipher suites taken, best first, as OpenSSL writes them. Where nothing is said: those with forward secrecy and authenticated encryption (RFC 9325). Those of TLS 1.3 are changed only by naming some.',
      }),
    ),
    clientAuthorities: Type.Optional(
      existingFile({
        description:
          'PEM file with the authorities whose client certificates are believed, for listeners that ask for one. Read again when it changes.',
      }),
    ),
    sessionTickets: Type.Object(
      {
        rotateEvery: duration({
          default: '12h',
          description:
            'How often the key changes under which sessions are resumed. A ticket can be used for as long, its key is gone after twice as long.',
        }),
      },
      {
        additionalProperties: false,
        default: {},
        description: 'TLS sessions resumed with tickets, by every process that shares the store.',
      },
    ),
  },
  {
    additionalProperties: false,
    description: 'The certificate shown to mail clients. Required, except in the demo, which makes its own.',
  },
);

export type CertificateSettings = Type.Static<typeof CertificateSettings>;
export type TlsSettings = Type.Static<typeof TlsSettings>;
