// What Google says of its opaque access tokens.

import { NOW, type Product } from './product.ts';

/**
 * googleapis/google-auth-library-nodejs, src/auth/oauth2client.ts: TokenInfo has these fields and no `hd`, nor `iss`. Numbers and truth
 * values are texts there, as https://github.com/googleapis/google-auth-library-nodejs/blob/main/test/test.oauth2.ts shows.
 */
export const GOOGLE: Readonly<Record<string, Product>> = {
  Google: {
    preset: 'google',
    source:
      'https://docs.cloud.google.com/nodejs/docs/reference/google-auth-library/latest/google-auth-library/tokeninfo',
    yaml: `audiences: [mail-program.apps.googleusercontent.com]\n      domains: [example.org]\n      introspection: {}`,
    issuer: 'https://accounts.google.com',
    alg: 'RS256',
    opaque: 'ya29.a0AfB_byC-1234567890',
    claims: {
      azp: 'mail-program.apps.googleusercontent.com',
      aud: 'mail-program.apps.googleusercontent.com',
      sub: '110169484474386276334',
      scope: 'https://www.googleapis.com/auth/userinfo.email openid',
      exp: String(NOW + 3000),
      expires_in: '3000',
      email: 'alice@example.org',
      email_verified: 'true',
      access_type: 'offline',
    },
    principal: {
      subject: '110169484474386276334',
      clientId: 'mail-program.apps.googleusercontent.com',
      addresses: ['alice@example.org'],
    },
    also: { 'with a truth value that is one': { email_verified: true } },
    refused: {
      'another app': { claims: { aud: 'other.apps.googleusercontent.com' }, code: 'token-audience' },
      'somebody outside the organisation': {
        claims: { email: 'mallory@gmail.com' },
        code: 'token-identity',
        reason: 'of no domain of this issuer',
      },
      'an address that Google has not verified': {
        claims: { email_verified: 'false' },
        code: 'token-identity',
        reason: 'email_verified is "false"',
      },
      'a token without the address': { claims: { scope: 'openid', email: undefined }, code: 'token-scope' },
      'a service account': {
        claims: { aud: '110169484474386276335', email: 'job@project.iam.gserviceaccount.com' },
        code: 'token-audience',
      },
      'a refresh token': { token: '1//0gAbCdEfGhIjKlMnOpQrStUvWxYz', code: 'token-malformed' },
    },
  },
};
