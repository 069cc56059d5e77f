// What the operator may say about who Postern is to an upstream, and whom it says to send for.

import Type from 'typebox';
import { existingFile, secret } from '../setting.ts';

export const LoginSettings = Type.Object(
  {
    user: Type.String({
      minLength: 1,
      description: 'User name for AUTH PLAIN or LOGIN at the upstream.',
    }),
    password: secret({ description: 'Its password.' }),
    mechanism: Type.Optional(
      Type.Union([Type.Literal('PLAIN'), Type.Literal('LOGIN')], {
        description: 'Mechanism used; the better one of those offered where nothing is said.',
      }),
    ),
  },
  { additionalProperties: false, description: 'Postern’s own account at the upstream.' },
);

export const ClientCertificateSettings = Type.Object(
  {
    certificate: existingFile({ description: 'PEM file: the certificate, then its chain.' }),
    key: existingFile({ description: 'PEM file of its private key, not encrypted.' }),
    login: Type.Boolean({
      default: false,
      description:
        'Whether to sign in with it by AUTH EXTERNAL too, for upstreams that do not take the certificate alone.',
    }),
  },
  {
    additionalProperties: false,
    description: 'Certificate that Postern shows the upstream in the TLS handshake.',
  },
);

const offered = (description: string) =>
  Type.Union([Type.Literal('off'), Type.Literal('when-offered'), Type.Literal('required')], {
    default: 'off',
    description,
  });

export const IdentitySettings = Type.Object(
  {
    xclient: offered(
      'Postfix XCLIENT: the upstream takes the user’s name and the client’s address for its own client’s. Postern must be in its `smtpd_authorized_xclient_hosts`. With `required` no mail goes where it is not offered.',
    ),
    xforward: offered(
      'Postfix XFORWARD: the upstream logs the client’s address, and nothing else. Postern must be in its `smtpd_authorized_xforward_hosts`.',
    ),
    mailFromAuth: Type.Boolean({
      default: false,
      description:
        'Whether MAIL FROM names the user in AUTH= (RFC 4954 §5), where the upstream offers AUTH. Only for an upstream that is trusted with it.',
    }),
  },
  {
    additionalProperties: false,
    default: {},
    description: 'Whom the upstream is told that a message is from.',
  },
);

export type LoginSettings = Type.Static<typeof LoginSettings>;
export type ClientCertificateSettings = Type.Static<typeof ClientCertificateSettings>;
export type IdentitySettings = Type.Static<typeof IdentitySettings>;
