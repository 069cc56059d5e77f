// What the operator may say about tokens: for whom they must be made, which issuers are believed.

import Type from 'typebox';
import { duration } from '../setting.ts';
import { TrustedIssuerSettings } from './issuers/settings.ts';

export { IdentityClaims, Requirement, TrustedIssuerSettings } from './issuers/settings.ts';

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
          description:
            'Shortest time between two fetches from one issuer. One that brought new keys may be followed by one more at once, where a token still fits none of them; that happens once in ten times this long.',
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

export type TokenSettings = Type.Static<typeof TokenSettings>;
