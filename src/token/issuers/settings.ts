// What the operator may say about one trusted issuer: how its tokens are proved, what they must hold, for whom they speak.

import Type from 'typebox';
import { IntrospectionSettings } from '../introspection/settings.ts';
import { ISSUER_PRESETS, type IssuerPreset } from './presets.ts';
import { WorkloadSettings } from './workload-settings.ts';

/** How the claims of an issuer become the addresses a principal may send as. */
export const IdentityClaims = Type.Object(
  {
    addresses: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      default: ['email'],
      description:
        'Claims that hold an address or a list of them. One inside another claim is written with dots, `profile.mail`.',
    }),
    requireVerified: Type.Boolean({
      default: true,
      description:
        'Take the address of `email` only where `email_verified` is true (OpenID Connect Core §5.1).',
    }),
    groups: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Claim that holds the groups, such as `groups`, `realm_access.roles` or `https://example.org/groups`; of an object its names count.',
      }),
    ),
  },
  { additionalProperties: false, default: {}, description: 'How claims become addresses.' },
);

export const Requirement = Type.Object(
  {
    claim: Type.String({
      minLength: 1,
      description:
        'Claim, such as `roles`, `realm_access.roles` or `resource_access.postern.roles`; of an object its names count.',
    }),
    anyOf: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      description: 'Values of which it must be, or hold, one.',
    }),
  },
  { additionalProperties: false },
);

const presetNames = Object.keys(ISSUER_PRESETS) as IssuerPreset[];

const words = (description: string) =>
  Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description }));

export const TrustedIssuerSettings = Type.Object(
  {
    issuer: Type.String({ format: 'uri', description: 'Exact value of `iss`; a trailing slash counts.' }),
    preset: Type.Optional(
      Type.Union(
        presetNames.map((name) => Type.Literal(name)),
        {
          description:
            'Fills in the settings for tokens of that product; `docs/identity-providers/` has a page for each. What else is said here counts instead.',
        },
      ),
    ),
    verification: Type.Optional(
      Type.Union([Type.Literal('signature'), Type.Literal('introspection')], {
        description:
          'How its tokens are proved: by their `signature` with its keys, which holds where nothing is said, or by asking it about each (`introspection`), as opaque tokens need it.',
      }),
    ),
    tokenPrefixes: words(
      'With `verification: introspection`: how its opaque tokens begin. Where nothing is said, it is asked about every token that names no issuer.',
    ),
    jwksUri: Type.Optional(
      Type.String({
        format: 'uri',
        description: 'Where its keys are; found by discovery where absent (RFC 8414).',
      }),
    ),
    audiences: words(
      'Values of `aud` accepted; one of them must be in the token. May be left out only with `verification: introspection` and `clients`, for issuers whose answers have no `aud`.',
    ),
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
        'Values of the `typ` header accepted (RFC 9068 §4); add `JWT` for issuers that write only that, `absent` for those that write none.',
    }),
    claimedTypes: words(
      'Values accepted of a claim `typ`, for issuers that say there what a token is for; Keycloak writes `Bearer`.',
    ),
    scopes: Type.Array(Type.String({ minLength: 1 }), {
      default: ['urn:ietf:params:oauth:scope:mail', 'smtp.submit'],
      description: 'The token must hold one of these scopes; an empty list asks for none.',
    }),
    require: Type.Optional(
      Type.Array(Requirement, {
        minItems: 1,
        description: 'Roles and other claims that the token must hold, every one of the list.',
      }),
    ),
    clients: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        description: 'Clients whose tokens are accepted; all where absent.',
      }),
    ),
    domains: words(
      'Mail domains whose people sign in at this issuer. It is believed about addresses of these alone, and a failed sign-in for one of them tells the client to go there.',
    ),
    challenge: Type.Optional(
      Type.Object(
        {
          openidConfiguration: Type.Optional(
            Type.String({
              format: 'uri',
              description:
                'Document of its metadata; the `/.well-known/openid-configuration` of `issuer` where nothing is said.',
            }),
          ),
          scope: Type.Optional(
            Type.String({
              minLength: 1,
              description:
                'Scope to ask for, where it is written otherwise there than in the token; the first of `scopes` where nothing is said.',
            }),
          ),
        },
        {
          additionalProperties: false,
          description: 'What clients of `domains` are told after a failed sign-in (RFC 7628 §3.2.2).',
        },
      ),
    ),
    identity: IdentityClaims,
    workloads: Type.Optional(
      Type.Array(WorkloadSettings, {
        minItems: 1,
        description:
          'Jobs that send with the token their platform gives them (Kubernetes, CI systems), and as whom. The first entry that fits counts; whom none fits is refused, and `identity` is not looked at.',
      }),
    ),
    introspection: Type.Optional(IntrospectionSettings),
    allowInsecureHttp: Type.Boolean({
      default: false,
      description:
        'Dangerous: fetch metadata and keys, and introspect tokens, over http. For a demonstration on loopback only.',
    }),
  },
  { additionalProperties: false, 'x-presets': ISSUER_PRESETS },
);

export type IdentityClaims = Type.Static<typeof IdentityClaims>;
export type TrustedIssuerSettings = Type.Static<typeof TrustedIssuerSettings>;
