// What the operator may say about the access tokens with which Postern signs in at an upstream mail server.

import Type from 'typebox';
import { duration, existingFile, secret, secretText } from '../../setting.ts';

export const UpstreamOAuthSettings = Type.Object(
  {
    grant: Type.Union(
      [
        Type.Literal('client-credentials'),
        Type.Literal('jwt-bearer'),
        Type.Literal('refresh-token'),
        Type.Literal('token-exchange'),
        Type.Literal('on-behalf-of'),
        Type.Literal('pass-through'),
      ],
      {
        description:
          'How Postern comes by tokens: `client-credentials` (as an app of its own; Microsoft 365 `SMTP.SendAsApp`), `jwt-bearer` (an assertion that it signs for each mailbox; Google Workspace domain-wide delegation), `refresh-token` (somebody has consented once), `token-exchange` (RFC 8693, for the user’s own token), `on-behalf-of` (the same in Microsoft’s form; users must have signed in with tokens of that tenant for Postern), `pass-through` (the user’s own token, as it is: the upstream could use it at Postern too).',
      },
    ),
    mechanism: Type.Optional(
      Type.Union([Type.Literal('XOAUTH2'), Type.Literal('OAUTHBEARER')], {
        description:
          'SASL mechanism at the upstream; OAUTHBEARER where it is offered, else XOAUTH2, where nothing is said.',
      }),
    ),
    mailbox: Type.String({
      minLength: 1,
      default: 'sender',
      description:
        'Whose mailbox is signed in to: `sender` (the envelope sender’s), `user` (the first address of the user), or one address for all mail.',
    }),
    tokenEndpoint: Type.Optional(
      Type.String({
        description: 'URL that tokens are fetched from; https, or http on this machine.',
      }),
    ),
    issuer: Type.Optional(
      Type.String({
        description:
          'Instead of `tokenEndpoint`: the issuer whose `/.well-known/openid-configuration` names it.',
      }),
    ),
    tenant: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$',
        description:
          'Instead of `tokenEndpoint`: the tenant at Microsoft Entra ID, by its identifier or one of its domains.',
      }),
    ),
    clientId: Type.Optional(
      Type.String({ minLength: 1, description: 'Postern’s identifier as a client of the token endpoint.' }),
    ),
    clientSecret: Type.Optional(secret({ description: 'Its secret.' })),
    clientSecretIn: Type.Optional(
      Type.Union([Type.Literal('header'), Type.Literal('body')], {
        description:
          'Where the secret is sent: `header` (client_secret_basic) or `body` (client_secret_post). Where nothing is said: as the issuer’s metadata ask for it, `body` with `tenant`, else `header`.',
      }),
    ),
    clientKey: Type.Optional(
      secretText({
        description:
          'Instead of `clientSecret`: private key in PEM (RSA, P-256 or Ed25519), not encrypted. Postern signs an assertion with it for each request (private_key_jwt); with `jwt-bearer` the grant itself.',
      }),
    ),
    clientCertificate: Type.Optional(
      existingFile({
        description:
          'PEM file of the certificate of `clientKey`, where the token endpoint knows the key by its thumbprint, as Microsoft Entra ID does.',
      }),
    ),
    keyId: Type.Optional(
      Type.String({
        minLength: 1,
        description: '`kid` of `clientKey`, where the token endpoint knows the key by that.',
      }),
    ),
    scopes: Type.Array(Type.String({ pattern: '^[\\x21\\x23-\\x5B\\x5D-\\x7E]+$' }), {
      default: [],
      description: 'Scopes asked for.',
    }),
    audience: Type.Optional(
      Type.String({
        minLength: 1,
        description: '`audience` of the token request, where the token endpoint wants one.',
      }),
    ),
    resource: Type.Optional(
      Type.String({
        minLength: 1,
        description: '`resource` of the token request (RFC 8707), where the token endpoint wants one.',
      }),
    ),
    serviceAccount: Type.Optional(
      secretText({
        description:
          'For `jwt-bearer` at Google: the JSON key file of the service account, as Google hands it out.',
      }),
    ),
    refreshTokenFile: Type.Optional(
      existingFile({
        description:
          'For `refresh-token`: file that holds the refresh token. Where the token endpoint gives a new one, Postern replaces the file, so its folder must be writable; no two nodes may share it.',
      }),
    ),
    timeout: duration({
      default: '10s',
      description: 'Limit for fetching a token; the mail client waits meanwhile.',
    }),
  },
  {
    additionalProperties: false,
    description: 'Access tokens for signing in at the upstream, with XOAUTH2 or OAUTHBEARER.',
  },
);

export type UpstreamOAuthSettings = Type.Static<typeof UpstreamOAuthSettings>;
