// What Zitadel says of its opaque access tokens.

import { ASKS, LIFE, NOW, type Product } from './product.ts';

const PROJECT = '69234237810729019';
const ROLES = `urn:zitadel:iam:org:project:${PROJECT}:roles`;
const MAIL_ROLE = { mail: { '165467338479501000': 'example.zitadel.cloud' } };

/**
 * zitadel/zitadel, apps/docs/content/apis/openidoauth/claims.mdx, column "Introspection"; the roles as the samples of
 * guides/integrate/retrieve-user-roles.mdx show them.
 */
export const ZITADEL: Readonly<Record<string, Product>> = {
  Zitadel: {
    preset: 'zitadel',
    source: 'https://zitadel.com/docs/guides/integrate/token-introspection/basic-auth',
    yaml: `issuer: https://example.zitadel.cloud\n      audiences: ['${PROJECT}']\n      scopes: []
      require: [{ claim: '${ROLES}', anyOf: [mail] }]\n      ${ASKS}`,
    issuer: 'https://example.zitadel.cloud',
    alg: 'RS256',
    opaque: 'VjVxyCZmRmWYqd3_F5db9Pb9mHR5fqzhn',
    claims: {
      ...LIFE,
      active: true,
      nbf: NOW,
      iss: 'https://example.zitadel.cloud',
      aud: ['170848145649959169@mail', PROJECT],
      client_id: '170848145649959169@mail',
      jti: '170848145649959170',
      scope: 'openid profile email',
      token_type: 'Bearer',
      sub: '165467338479501569',
      username: 'alice@example.zitadel.cloud',
      email: 'alice@example.org',
      email_verified: true,
      'urn:zitadel:iam:org:project:roles': MAIL_ROLE,
      [ROLES]: MAIL_ROLE,
      'urn:zitadel:iam:user:resourceowner:id': '165467338479501000',
    },
    principal: { addresses: ['alice@example.org'], groups: ['mail'], subject: '165467338479501569' },
    refused: {
      'a user without the role': { claims: { [ROLES]: { web: {} } }, code: 'token-scope' },
      // The name without a project says nothing of whose role it is: "the current project (where your client belongs to)".
      'a role of the same name in another project': {
        claims: { [ROLES]: undefined, 'urn:zitadel:iam:org:project:223281986649719041:roles': MAIL_ROLE },
        code: 'token-scope',
        reason: `expected ${ROLES} to hold "mail"`,
      },
      'another project': { claims: { aud: ['170848145649959169@mail'] }, code: 'token-audience' },
      'an address nobody verified': { claims: { email_verified: false }, code: 'token-identity' },
      'a token that did not ask for the address': {
        claims: { scope: 'openid', email: undefined, email_verified: undefined },
        code: 'token-identity',
        reason: 'email_verified is none',
      },
      'a user name that looks like an address': {
        claims: { email: undefined, username: 'boss@example.org' },
        code: 'token-identity',
      },
      'a token that has ended': { claims: { active: false }, code: 'token-revoked' },
    },
  },
};
