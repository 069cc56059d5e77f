// What the operator may say about tokens: for whom they must be made, which issuers are believed.

import Type from 'typebox';
import { duration, secret } from '../setting.ts';

/** How the claims of an issuer become the addresses a principal may send as. */
export const IdentityClaims = Type.Object(
  {
    addresses: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      default: ['email'],
      description: 'Claims that hold an address or a list of them.',
    }),
    requireVerified: Type.Boolean({
      default: true,
      description:
        'Take the address of `email` only where `email_verified` is true (OpenID Connect Core §5.1).',
    }),
    groups: Type.Optional(Type.String({ minLength: 1, description: 'Claim that holds the groups.' })),
  },
  { additionalProperties: false, default: {}, description: 'How claims become addresses.' },
);

/** Asking an issuer about tokens of live sessions (RFC 7662). */
export const IntrospectionSettings = Type.Object(
  {
    endpoint: Type.String({ format: 'uri', description: 'Its introspection endpoint.' }),
    clientId: Type.String({
      minLength: 1,
      description: 'Postern’s client id there; it signs in with `client_secret_basic`.',
    }),
    clientSecret: secret({ description: 'Postern’s client secret there.' }),
    every: duration({
      default: '5m',
      description:
        'A token that its issuer has ended is noticed within this time; from 10s to 1d. One answer serves all sessions of a token.',
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
      'Asks the issuer again and again whether the token of a live session is still good (RFC 7662). A login does not wait for that.',
  },
);

export const TrustedIssuerSettings = Type.Object(
  {
    issuer: Type.String({ format: 'uri', description: 'Exact value of `iss`; a trailing slash counts.' }),
    jwksUri: Type.Optional(
      Type.String({
        format: 'uri',
        description: 'Where its keys are; found by discovery where absent (RFC 8414).',
      }),
    ),
    audiences: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      description: 'Values of `aud` accepted; one of them must be in the token.',
    }),
    algorithms: Type.Array(
      Type.Union([
        Type.Literal('ES256'),
        Type.Literal('ES384'),
        Type.Literal('ES512'),
        Type.Literal('RS256'),
        Type.Literal('RS384'),
        Type.Literal('RS512'),
        Type.Literal('PS256'),
        Type.Literal('PS384'),
        Type.Literal('PS512'),
        Type.Literal('EdDSA'),
        Type.Literal('Ed25519'),
      ]),
      {
        minItems: 1,
        default: ['ES256', 'RS256', 'PS256', 'EdDSA'],
        description: 'Signature algorithms accepted.',
      },
    ),
    types: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      default: ['at+jwt'],
      description:
        'Values of the `typ` header accepted (RFC 9068 §4); add `JWT` for issuers that write only that.',
    }),
    scopes: Type.Array(Type.String({ minLength: 1 }), {
      default: ['urn:ietf:params:oauth:scope:mail', 'smtp.submit'],
      description: 'The token must hold one of these scopes; an empty list asks for none.',
    }),
    clients: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        description: 'Clients whose tokens are accepted; all where absent.',
      }),
    ),
    identity: IdentityClaims,
    introspection: Type.Optional(IntrospectionSettings),
    allowInsecureHttp: Type.Boolean({
      default: false,
      description:
        'Dangerous: fetch metadata and keys, and introspect tokens, over http. For a demonstration on loopback only.',
    }),
  },
  { additionalProperties: false },
);

/** Largest `leeway` taken, milliseconds: revocations and retired keys are kept this long beyond the last expiry. */
export const MAX_LEEWAY = 10 * 60_000;

export const TokenSettings = Type.Object(
  {
    audience: Type.String({
      format: 'uri',
      description:
        'The submission service as a resource (RFC 8707): `aud` of the tokens Postern issues and accepts.',
      examples: ['https://mail.example.org'],
    }),
    leeway: duration({
      default: '60s',
      description: 'Clock difference allowed for `exp`, `nbf` and `iat`; at most 10m.',
    }),
    trustedIssuers: Type.Array(TrustedIssuerSettings, {
      default: [],
      description: 'Identity providers whose access tokens are accepted directly, beside Postern’s own.',
    }),
    jwks: Type.Object(
      {
        refreshInterval: duration({ default: '1h', description: 'Age at which a key set is fetched again.' }),
        cooldown: duration({
          default: '30s',
          description: 'Shortest time between two fetches from one issuer.',
        }),
        timeout: duration({ default: '5s', description: 'Limit for one fetch.' }),
      },
      { additionalProperties: false, default: {}, description: 'Fetching of key sets.' },
    ),
    cacheSize: Type.Integer({
      minimum: 0,
      default: 10000,
      description: 'Verified tokens remembered at most.',
    }),
    signingKeys: Type.Object(
      {
        rotateEvery: duration({ default: '30d', description: 'Age at which a new signing key takes over.' }),
        publishAhead: duration({
          default: '1d',
          description: 'How long a new key is published before it signs.',
        }),
      },
      { additionalProperties: false, default: {}, description: 'Postern’s own signing keys (ES256).' },
    ),
  },
  { additionalProperties: false, description: 'Tokens: whose are believed, for whom they must be made.' },
);

export type IdentityClaims = Type.Static<typeof IdentityClaims>;
export type TrustedIssuerSettings = Type.Static<typeof TrustedIssuerSettings>;
export type TokenSettings = Type.Static<typeof TokenSettings>;
