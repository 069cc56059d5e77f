// What the operator may say about asking an issuer for its word on a token (RFC 7662).

import Type from 'typebox';
import { duration, secret, secretText } from '../../setting.ts';

export const IntrospectionSettings = Type.Object(
  {
    endpoint: Type.Optional(
      Type.String({
        format: 'uri',
        description:
          'Its introspection endpoint; the `introspection_endpoint` of its metadata where absent (RFC 8414).',
      }),
    ),
    protocol: Type.Union([Type.Literal('rfc7662'), Type.Literal('google-tokeninfo')], {
      default: 'rfc7662',
      description: 'How it is asked: as the standard says, or as Google’s `tokeninfo` wants it.',
    }),
    clientId: Type.Optional(
      Type.String({ minLength: 1, description: 'Postern’s client id there. Google asks for none.' }),
    ),
    clientSecret: Type.Optional(secret({ description: 'Postern’s client secret there.' })),
    clientSecretIn: Type.Optional(
      Type.Union([Type.Literal('header'), Type.Literal('body')], {
        description:
          'Where the secret is sent: `header` (client_secret_basic), which holds where nothing is said, or `body` (client_secret_post).',
      }),
    ),
    clientKey: Type.Optional(
      secretText({
        description:
          'Instead of `clientSecret`: private key in PEM (RSA, P-256 or Ed25519), not encrypted. Postern signs an assertion with it for each question (private_key_jwt).',
      }),
    ),
    keyId: Type.Optional(
      Type.String({ minLength: 1, description: '`kid` under which the issuer knows `clientKey`.' }),
    ),
    timeout: duration({ default: '5s', description: 'Limit for one answer; from 100ms to 1m.' }),
    cacheFor: duration({
      default: '1m',
      description:
        'With `verification: introspection`: how long a yes is believed, never beyond the end of the token; from 1s to 15m.',
    }),
    every: duration({
      default: '5m',
      description:
        'A token that its issuer has ended is noticed in a live session within this time; from 10s to 1d. One answer serves all sessions of a token.',
    }),
    // With `keep` an outage leaves things as they are without introspection: signature, expiry and signals still count. With
    // `end` whoever brings the endpoint down stops the mail of everybody there, which nobody should get unasked.
    whileUnavailable: Type.Union([Type.Literal('keep'), Type.Literal('end')], {
      default: 'keep',
      description:
        'What happens to a live session when its issuer does not answer, or answers nonsense. `keep` (fail open): it goes on until the token expires, and a token ended meanwhile is not noticed before the issuer answers again. `end` (fail closed): it is closed, and a login with its token is put off for a quarter of `every`; any other login is taken on its signature, as always, and closed when it is asked about.',
    }),
  },
  {
    additionalProperties: false,
    description:
      'Asks the issuer again and again whether the token of a live session is still good (RFC 7662). A login waits for that only with `verification: introspection`, and gets 454 while there is no answer.',
  },
);

export type IntrospectionSettings = Type.Static<typeof IntrospectionSettings>;
