// Access tokens of Keycloak.

import { LIFE, MAIL, NOW, type Product } from './product.ts';

/**
 * What is in `aud`, `azp`, `scope`, `resource_access`: keycloak/keycloak, docs/documentation/server_admin/topics/clients/oidc/con-audience.adoc
 * and con-client-scopes.adoc. The names of the claims: core/src/main/java/org/keycloak/representations/AccessToken.java there.
 */
export const KEYCLOAK: Readonly<Record<string, Product>> = {
  Keycloak: {
    preset: 'keycloak',
    source: 'https://www.keycloak.org/docs/latest/server_admin/#audience-support',
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
    also: {
      // con-audience.adoc: a text where it is one.
      'for this service alone': { aud: MAIL },
    },
    refused: {
      'an ID token': { claims: { typ: 'ID', aud: MAIL, at_hash: 'x' }, code: 'token-type' },
      // con-audience.adoc: "their aud claim is the realm itself".
      'a refresh token': {
        claims: { typ: 'Refresh', aud: 'https://id.example.org/realms/example' },
        code: 'token-type',
      },
      'an offline token': {
        claims: { typ: 'Offline', aud: 'https://id.example.org/realms/example' },
        code: 'token-type',
      },
      'a logout token': { claims: { typ: 'Logout' }, code: 'token-type' },
      'a token that says nothing of its kind': {
        claims: { typ: undefined },
        code: 'token-type',
        reason: 'expected a claim typ "Bearer", found none',
      },
      'a user without the realm role': {
        claims: { realm_access: { roles: ['staff'] } },
        code: 'token-scope',
        reason: 'expected realm_access.roles to hold "mail", found "staff"',
      },
      'a user without the client role': {
        claims: { resource_access: { other: { roles: ['sender'] } } },
        code: 'token-scope',
      },
      'a token for the account console alone': { claims: { aud: 'account' }, code: 'token-audience' },
      // con-audience.adoc: "there is not any aud claim" without a mapper.
      'a token for nobody': { claims: { aud: undefined }, code: 'token-audience' },
      // The account console takes the mark away when somebody changes the address.
      'an address that its owner has written anew': {
        claims: { email: 'boss@example.org', email_verified: false },
        code: 'token-identity',
        reason: 'email_verified is false',
      },
      // With self-registration people choose it.
      'a user name that looks like an address': {
        claims: { email: undefined, email_verified: undefined, preferred_username: 'boss@example.org' },
        code: 'token-identity',
      },
      'a token without the client scope basic': {
        claims: { sub: undefined },
        code: 'token-malformed',
        reason: 'no claim sub',
      },
      'a token bound to a key by DPoP': { claims: { cnf: { jkt: 'x'.repeat(43) } }, code: 'token-bound' },
    },
  },
};
