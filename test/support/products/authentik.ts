// What Authentik says of its access tokens.

import { ASKS, LIFE, NOW, type Product } from './product.ts';

/**
 * goauthentik/authentik, authentik/providers/oauth2/id_token.py (IDToken.to_dict) with what views/introspection.py adds: `active`, `scope` and
 * the `client_id` of whoever asks.
 */
export const AUTHENTIK: Readonly<Record<string, Product>> = {
  Authentik: {
    preset: 'authentik',
    source:
      'https://github.com/goauthentik/authentik/blob/main/authentik/providers/oauth2/views/introspection.py',
    yaml: `issuer: https://id.example.org/application/o/mail/\n      audiences: [mail-program]\n      ${ASKS}`,
    issuer: 'https://id.example.org/application/o/mail/',
    alg: 'RS256',
    header: { typ: 'JWT' },
    claims: {
      ...LIFE,
      iss: 'https://id.example.org/application/o/mail/',
      sub: '9f1d2b3c4d5e6f70819293a4b5c6d7e8f9a0b1c2d3e4f5061728394a5b6c7d8e',
      aud: 'mail-program',
      auth_time: NOW,
      acr: 'goauthentik.io/providers/oauth2/default',
      amr: ['pwd', 'mfa'],
      sid: '2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae',
      email: 'alice@example.org',
      email_verified: true,
      groups: ['staff'],
      active: true,
      scope: 'openid email smtp.submit',
      client_id: 'postern',
    },
    principal: { clientId: 'postern', addresses: ['alice@example.org'], groups: ['staff'] },
    also: {
      'with an address for its subject (Subject mode: based on the email)': { sub: 'alice@example.org' },
    },
    refused: {
      // Any provider is told of any other’s tokens: the audience alone says whose it is.
      'a token of another application': { claims: { aud: 'wiki' }, code: 'token-audience' },
      'another issuer': {
        claims: { iss: 'https://id.example.org/application/o/wiki/' },
        code: 'token-issuer',
      },
      'one issuer for all providers': { claims: { iss: 'https://id.example.org/' }, code: 'token-issuer' },
      // website/docs/add-secure-apps/providers/oauth2/verify-email-address.mdx: what the mapping says since 2025.10.
      'an address nobody verified': {
        claims: { email_verified: false },
        code: 'token-identity',
        reason: 'email_verified is false',
      },
      'a subject that looks like an address, without the address': {
        claims: { sub: 'boss@example.org', email: undefined, email_verified: undefined },
        code: 'token-identity',
      },
      // Introspection tells of it as of an access token; views/token.py gives it the hash of the access token beside it.
      'a refresh token': {
        claims: { at_hash: 'hPxVTEqF0zMEaBLlJXm1Dg' },
        code: 'token-type',
        reason: 'claim at_hash',
      },
      'a token that has ended': { claims: { active: false }, code: 'token-revoked' },
    },
  },
};
