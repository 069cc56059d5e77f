// Access tokens of identity providers and platforms, shaped as their documentation shows them, signed with test keys.

import { TEST_TIME, type TestAlgorithm, type TokenClaims } from './tokens.ts';

export interface Product {
  /** What stands in the file, beside `preset`. */
  readonly yaml: string;
  readonly preset: string;
  readonly issuer: string;
  /** Where its documentation shows such a token. */
  readonly source: string;
  readonly alg: TestAlgorithm;
  /** `typ` of the header; undefined for none. Absent for tokens that are no JWT. */
  readonly header?: TokenClaims;
  /** Of the token, or of the answer about it. */
  readonly claims: TokenClaims;
  /** What an opaque token looks like; the issuer is asked about it. */
  readonly opaque?: string;
  readonly principal: TokenClaims;
  /** Tokens of the same issuer that are no access tokens for mail, by what is wrong with them, with the code. */
  readonly refused: Readonly<Record<string, readonly [TokenClaims, string, TokenClaims?]>>;
}

const NOW = TEST_TIME / 1000;
const LIFE = { iat: NOW, exp: NOW + 300 };
const TENANT = 'aaaabbbb-0000-cccc-1111-dddd2222eeee';
const API = '11112222-bbbb-3333-cccc-4444dddd5555';
const MAIL = 'https://mail.example.org';
const ASKS = 'introspection: { clientId: postern, clientSecret: { env: TEST_SECRET } }';

const entra = (claims: TokenClaims): TokenClaims => ({
  ...LIFE,
  nbf: NOW,
  idtyp: 'user',
  oid: 'aaaaaaaa-0000-1111-2222-bbbbbbbbbbbb',
  tid: TENANT,
  scp: 'smtp.submit',
  sub: 'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ',
  upn: 'alice@example.org',
  uti: 'AAAAAAAAAAAAAAAA',
  groups: ['0a1b2c3d-0000-4444-8888-000000000001'],
  ...claims,
});

export const PRODUCTS: Readonly<Record<string, Product>> = {
  Keycloak: {
    preset: 'keycloak',
    source: 'https://www.keycloak.org/docs/latest/server_admin/#_audience',
    yaml: `issuer: https://id.example.org/realms/example
      audiences: [${MAIL}]
      require:
        - { claim: realm_access.roles, anyOf: [mail] }
        - { claim: resource_access.postern.roles, anyOf: [sender] }`,
    issuer: 'https://id.example.org/realms/example',
    alg: 'RS256',
    header: { typ: 'JWT' },
    claims: {
      ...LIFE,
      auth_time: NOW,
      jti: 'onrtac:9d1a9a5e-8d3f-4a0e-9f2a-1b9d3c7f2a10',
      aud: [MAIL, 'account'],
      sub: '6f1c2c3e-7d1b-4c55-8b0f-7a4f6f0a2d11',
      typ: 'Bearer',
      azp: 'mail-program',
      sid: '1d0ce1b1-5b0c-4a5e-8f6b-2a1b9c0d3e4f',
      acr: '1',
      'allowed-origins': ['https://mail.example.org'],
      realm_access: { roles: ['offline_access', 'mail', 'uma_authorization'] },
      resource_access: { postern: { roles: ['sender'] }, account: { roles: ['manage-account'] } },
      scope: 'openid email smtp.submit',
      email_verified: true,
      groups: ['/staff'],
      preferred_username: 'alice',
      email: 'alice@example.org',
    },
    principal: { clientId: 'mail-program', addresses: ['alice@example.org'], groups: ['/staff'] },
    refused: {
      'an ID token': [{ typ: 'ID', aud: MAIL, at_hash: 'x' }, 'token-type'],
      'a refresh token': [{ typ: 'Refresh' }, 'token-type'],
      'a logout token': [{ typ: 'Logout' }, 'token-type'],
      'a token that says nothing of its kind': [{ typ: undefined }, 'token-type'],
      'a user without the realm role': [{ realm_access: { roles: ['staff'] } }, 'token-scope'],
      'a user without the client role': [
        { resource_access: { other: { roles: ['sender'] } } },
        'token-scope',
      ],
      'a token for the account console alone': [{ aud: 'account' }, 'token-audience'],
    },
  },
  'Entra ID, version 2': {
    preset: 'entra',
    source: 'https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference',
    yaml: `issuer: https://login.microsoftonline.com/${TENANT}/v2.0\n      audiences: [${API}]`,
    issuer: `https://login.microsoftonline.com/${TENANT}/v2.0`,
    alg: 'RS256',
    header: { typ: 'JWT' },
    claims: entra({
      ver: '2.0',
      aud: API,
      azp: 'mail-program',
      azpacr: '0',
      preferred_username: 'alice@example.org',
    }),
    principal: { clientId: 'mail-program', addresses: ['alice@example.org'], scopes: ['smtp.submit'] },
    refused: {
      'a token for Microsoft Graph': [{ aud: '00000003-0000-0000-c000-000000000000' }, 'token-audience'],
      'a token of another tenant': [{ iss: 'https://login.microsoftonline.com/other/v2.0' }, 'token-issuer'],
      'a token of version 1': [{ iss: `https://sts.windows.net/${TENANT}/`, ver: '1.0' }, 'token-issuer'],
      'an app without a user': [{ scp: undefined, roles: ['Mail.Send'], idtyp: 'app' }, 'token-scope'],
      'an address that its owner wrote': [{ upn: undefined, email: 'boss@example.org' }, 'token-identity'],
    },
  },
  'Entra ID, version 1': {
    preset: 'entra',
    source: 'https://learn.microsoft.com/entra/identity-platform/access-tokens#token-formats',
    yaml: `issuer: https://sts.windows.net/${TENANT}/\n      audiences: ['api://${API}']`,
    issuer: `https://sts.windows.net/${TENANT}/`,
    alg: 'RS256',
    header: { typ: 'JWT', x5t: 'oldest' },
    claims: entra({
      ver: '1.0',
      aud: `api://${API}`,
      appid: 'mail-program',
      appidacr: '0',
      unique_name: 'alice@example.org',
    }),
    principal: { clientId: 'mail-program', addresses: ['alice@example.org'] },
    refused: {
      'a token of version 2': [{ iss: `https://login.microsoftonline.com/${TENANT}/v2.0` }, 'token-issuer'],
      'the audience of version 2': [{ aud: API }, 'token-audience'],
    },
  },
  Okta: {
    preset: 'okta',
    source: 'https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/#access-token',
    yaml: `issuer: https://example.okta.com/oauth2/default\n      audiences: ['api://default']`,
    issuer: 'https://example.okta.com/oauth2/default',
    alg: 'RS256',
    header: { typ: undefined },
    claims: {
      ...LIFE,
      ver: 1,
      jti: 'AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE',
      aud: 'api://default',
      sub: 'alice@example.org',
      cid: 'nmdP1fcyvdVO11AL7ECm',
      uid: '00ujmkLgagxeRrAg20g3',
      scp: ['openid', 'smtp.submit'],
      auth_time: NOW,
      groups: ['Everyone'],
    },
    principal: { clientId: 'nmdP1fcyvdVO11AL7ECm', addresses: ['alice@example.org'], groups: ['Everyone'] },
    refused: {
      'an ID token, which has the same header': [
        { aud: 'nmdP1fcyvdVO11AL7ECm', cid: undefined, scp: undefined, at_hash: 'x' },
        'token-type',
      ],
      'an app by itself': [{ sub: 'nmdP1fcyvdVO11AL7ECm', uid: undefined }, 'token-identity'],
      'scopes for something else': [{ scp: ['openid', 'email'] }, 'token-scope'],
    },
  },
  Google: {
    preset: 'google',
    source:
      'https://github.com/googleapis/google-auth-library-nodejs/blob/main/src/auth/oauth2client.ts (TokenInfo)',
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
    principal: { subject: '110169484474386276334', addresses: ['alice@example.org'] },
    refused: {
      'another app': [{ aud: 'other.apps.googleusercontent.com' }, 'token-audience'],
      'somebody outside the organisation': [{ email: 'mallory@gmail.com' }, 'token-identity'],
      'a token without the address': [{ scope: 'openid', email: undefined }, 'token-scope'],
    },
  },
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
      sub: '9f1d2b3c4d5e6f70819293a4b5c6d7e8f9a0b1c2d3e4f5061728394a5b6c7d8e',
      aud: 'mail-program',
      auth_time: NOW,
      acr: 'goauthentik.io/providers/oauth2/default',
      amr: ['pwd'],
      sid: 'ab12',
      email: 'alice@example.org',
      email_verified: true,
      groups: ['staff'],
      active: true,
      scope: 'openid email smtp.submit',
      client_id: 'mail-program',
    },
    principal: { clientId: 'mail-program', addresses: ['alice@example.org'], groups: ['staff'] },
    refused: {
      'a token of another application': [{ aud: 'wiki' }, 'token-audience'],
      'another issuer': [{ iss: 'https://id.example.org/application/o/wiki/' }, 'token-issuer'],
      'an address nobody verified': [{ email_verified: false }, 'token-identity'],
      'a token that has ended': [{ active: false }, 'token-revoked'],
    },
  },
  Zitadel: {
    preset: 'zitadel',
    source: 'https://zitadel.com/docs/guides/integrate/token-introspection/basic-auth',
    yaml: `issuer: https://example.zitadel.cloud\n      audiences: ['69234237810729019']\n      scopes: []
      require: [{ claim: 'urn:zitadel:iam:org:project:roles', anyOf: [mail] }]\n      ${ASKS}`,
    issuer: 'https://example.zitadel.cloud',
    alg: 'RS256',
    opaque: 'VjVxyCZmRmWYqd3_F5db9Pb9mHR5fqzhn',
    claims: {
      ...LIFE,
      active: true,
      nbf: NOW,
      iss: 'https://example.zitadel.cloud',
      aud: ['170848145649959169@mail', '69234237810729019'],
      client_id: '170848145649959169@mail',
      jti: '170848145649959170',
      scope: 'openid profile email',
      token_type: 'Bearer',
      sub: '165467338479501569',
      username: 'alice@example.zitadel.cloud',
      email: 'alice@example.org',
      email_verified: true,
      'urn:zitadel:iam:org:project:roles': { mail: { '165467338479501000': 'example.zitadel.cloud' } },
    },
    principal: { addresses: ['alice@example.org'], groups: ['mail'], subject: '165467338479501569' },
    refused: {
      'a user without the role': [{ 'urn:zitadel:iam:org:project:roles': { web: {} } }, 'token-scope'],
      'another project': [{ aud: ['170848145649959169@mail'] }, 'token-audience'],
    },
  },
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
      aud: [MAIL, 'https://my-domain.auth0.com/userinfo'],
      azp: 'my_client_id',
      scope: 'openid profile smtp.submit',
      'https://example.org/email': 'alice@example.org',
      'https://example.org/groups': ['staff'],
    },
    principal: { clientId: 'my_client_id', addresses: ['alice@example.org'], groups: ['staff'] },
    refused: {
      'a token for userinfo alone': [{ aud: 'https://my-domain.auth0.com/userinfo' }, 'token-audience'],
      'an issuer without its slash': [{ iss: 'https://my-domain.auth0.com' }, 'token-issuer'],
      'a machine without addresses': [
        { sub: 'awZfdIir8YFdGZWkvCejDoUb7SjTDicx@clients', 'https://example.org/email': undefined },
        'token-identity',
      ],
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
      aud: [MAIL, 'https://my-domain.auth0.com/userinfo'],
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
    refused: {},
  },
};
