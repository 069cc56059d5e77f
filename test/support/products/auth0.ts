// Access tokens of Auth0, of both profiles.

import { LIFE, MAIL, type Product } from './product.ts';

const USERINFO = 'https://my-domain.auth0.com/userinfo';

/** https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles: the two sample tokens and the table below them. */
export const AUTH0: Readonly<Record<string, Product>> = {
  Auth0: {
    preset: 'auth0',
    source: 'https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles',
    yaml: `issuer: https://my-domain.auth0.com/\n      audiences: [${MAIL}]
      identity: { addresses: ['https://example.org/email'], groups: 'https://example.org/groups' }`,
    issuer: 'https://my-domain.auth0.com/',
    alg: 'RS256',
    header: { typ: 'JWT' },
    claims: {
      ...LIFE,
      sub: 'auth0|123456',
      aud: [MAIL, USERINFO],
      azp: 'my_client_id',
      scope: 'openid profile smtp.submit',
      'https://example.org/email': 'alice@example.org',
      'https://example.org/groups': ['staff'],
    },
    principal: { clientId: 'my_client_id', addresses: ['alice@example.org'], groups: ['staff'] },
    also: {
      // "`https://test-server/api` OR [ …, … ]"
      'for this service alone, without openid': { aud: MAIL, scope: 'smtp.submit' },
      'with permissions (RBAC)': { permissions: ['smtp.submit'] },
    },
    refused: {
      'a token for userinfo alone': { claims: { aud: USERINFO }, code: 'token-audience' },
      'an issuer without its slash': {
        claims: { iss: 'https://my-domain.auth0.com' },
        code: 'token-issuer',
        reason: 'expected iss "https://my-domain.auth0.com/", found "https://my-domain.auth0.com"',
      },
      'the issuer of a custom domain': {
        claims: { iss: 'https://login.example.org/' },
        code: 'token-issuer',
      },
      'an ID token': {
        claims: {
          aud: 'my_client_id',
          azp: undefined,
          scope: undefined,
          nonce: 'x',
          email: 'alice@example.org',
        },
        code: 'token-audience',
      },
      'a machine without addresses': {
        claims: { sub: 'awZfdIir8YFdGZWkvCejDoUb7SjTDicx@clients', 'https://example.org/email': undefined },
        code: 'token-identity',
      },
      // What a program gets that asks for no audience.
      'an opaque token, which is an encrypted one': {
        token: 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aaaa.bbbb.cccc',
        code: 'token-malformed',
        reason: 'encrypted token (JWE, five parts)',
      },
      'a signature that only Auth0 can verify': {
        header: { alg: 'HS256' },
        code: 'token-algorithm',
        reason: 'found "HS256"',
      },
    },
  },
  'Auth0, profile of RFC 9068': {
    preset: 'auth0',
    source: 'https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles',
    yaml: `issuer: https://my-domain.auth0.com/\n      audiences: [${MAIL}]`,
    issuer: 'https://my-domain.auth0.com/',
    alg: 'PS256',
    header: { typ: 'at+jwt' },
    claims: {
      ...LIFE,
      sub: 'auth0|123456',
      aud: [MAIL, USERINFO],
      client_id: 'my_client_id',
      jti: '73WakrfVbNJBaAmhQtEeDv',
      scope: 'openid smtp.submit',
      email: 'alice@example.org',
      email_verified: true,
    },
    principal: {
      clientId: 'my_client_id',
      tokenId: '73WakrfVbNJBaAmhQtEeDv',
      addresses: ['alice@example.org'],
    },
    refused: {
      // Whoever signs up may write any address; Auth0 asks for a proof afterwards.
      'an address that its owner wrote': {
        claims: { email: 'boss@example.org', email_verified: false },
        code: 'token-identity',
      },
      'an address without a word on its proof': {
        claims: { email_verified: undefined },
        code: 'token-identity',
      },
    },
  },
};
