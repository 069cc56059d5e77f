// Access tokens of Okta's custom authorization servers.

import { LIFE, NOW, type Product } from './product.ts';

/** okta/okta-developer-docs, packages/@okta/vuepress-site/docs/reference/api/oidc/index.md: "Access token", claim by claim. */
export const OKTA: Readonly<Record<string, Product>> = {
  Okta: {
    preset: 'okta',
    source: 'https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/#access-token',
    yaml: `issuer: https://example.okta.com/oauth2/default\n      audiences: ['api://default']`,
    issuer: 'https://example.okta.com/oauth2/default',
    // "This is always RS256." The header has `alg` and `kid` alone.
    alg: 'RS256',
    header: { typ: undefined },
    claims: {
      ...LIFE,
      ver: 1,
      jti: 'AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE',
      aud: 'api://default',
      // "A name for the user": (appuser != null) ? appuser.userName : app.clientId, unless somebody has changed the claim.
      sub: 'alice@example.org',
      cid: 'nmdP1fcyvdVO11AL7ECm',
      uid: '00ujmkLgagxeRrAg20g3',
      scp: ['openid', 'smtp.submit'],
      auth_time: NOW,
      groups: ['Everyone'],
    },
    principal: {
      clientId: 'nmdP1fcyvdVO11AL7ECm',
      tokenId: 'AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE',
      scopes: ['openid', 'smtp.submit'],
      addresses: ['alice@example.org'],
    },
    also: {
      'without the groups, which have to be added': { groups: undefined },
      'without a time of sign-in': { auth_time: undefined },
    },
    refused: {
      'an ID token, which has the same header': {
        claims: { aud: 'nmdP1fcyvdVO11AL7ECm', cid: undefined, scp: undefined, at_hash: 'x' },
        code: 'token-type',
      },
      'an ID token without its hash': {
        claims: { aud: 'nmdP1fcyvdVO11AL7ECm', cid: undefined, scp: undefined, nonce: 'x' },
        code: 'token-audience',
      },
      // "`uid` … isn't included in the access token if there is no user bound to it."
      'an app by itself': {
        claims: { sub: 'nmdP1fcyvdVO11AL7ECm', uid: undefined },
        code: 'token-identity',
        reason: 'sub is "nmdP1fcyvdVO11AL7ECm"',
      },
      // The sample of the page: the id of the user in `sub`.
      'a subject that is no login': { claims: { sub: '00ujmkLgagxeRrAg20g3' }, code: 'token-identity' },
      'scopes for something else': { claims: { scp: ['openid', 'email'] }, code: 'token-scope' },
      // docs/guides/validate-access-tokens: "shouldn't be consumed or validated by any app other than Okta". `typ` as others have met it.
      'a token of the org server': {
        claims: { iss: 'https://example.okta.com', aud: 'https://example.okta.com' },
        header: { typ: 'application/okta-internal-at+jwt' },
        code: 'token-issuer',
        reason: 'found "https://example.okta.com"',
      },
      'a token of the kind the org server gives, whoever gives it': {
        claims: {},
        header: { typ: 'application/okta-internal-at+jwt' },
        code: 'token-type',
        reason: 'application/okta-internal-at+jwt',
      },
      'a token of another of its servers': {
        claims: { iss: 'https://example.okta.com/oauth2/0oacqf8qaJw56czJi0g4' },
        code: 'token-issuer',
      },
    },
  },
};
