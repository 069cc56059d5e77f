// Owns what the presets of identity providers fill in; whatever stands beside one in the file counts instead.
// Each has a page in docs/identity-providers/ (test/unit/config/issuer-presets.test.ts compares them).

/** As the operator would write them. A section that is optional (`introspection`) is filled in where the operator has opened it. */
export const ISSUER_PRESETS = {
  // https://www.keycloak.org/docs/latest/server_admin/: the header says JWT, or at+jwt where the client asks for it; what a token is
  // for stands in the claim `typ`. `email` counts where `email_verified` says so: people may change theirs, and choose their user name.
  keycloak: {
    types: ['JWT', 'at+jwt'],
    claimedTypes: ['Bearer'],
    identity: { groups: 'groups' },
  },
  // https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference: `typ` is always JWT. In `email` any address may
  // stand (…/migrate-off-email-claim-authorization), `preferred_username` is for show; `upn` is the directory's, of a domain it has verified.
  entra: {
    types: ['JWT'],
    identity: { addresses: ['upn'], groups: 'groups' },
  },
  // https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/: `alg` and `kid` alone in the header; `sub` is the user name in
  // the app, by default the login. The org server's own tokens have a type of their own, which is not among these.
  okta: {
    types: ['absent', 'JWT', 'at+jwt'],
    identity: { addresses: ['sub'], groups: 'groups' },
  },
  // https://github.com/googleapis/google-auth-library-nodejs, getTokenInfo: access tokens are opaque, and tokeninfo tells of them.
  // Everybody may have an account, by any address: `domains` belongs to it (config/checks/trusted-issuers.ts).
  google: {
    issuer: 'https://accounts.google.com',
    verification: 'introspection',
    tokenPrefixes: ['ya29.'],
    scopes: ['https://www.googleapis.com/auth/userinfo.email'],
    introspection: {
      protocol: 'google-tokeninfo',
      endpoint: 'https://oauth2.googleapis.com/tokeninfo',
    },
  },
  // https://github.com/goauthentik/authentik, providers/oauth2/id_token.py and views/introspection.py: its signed tokens hold no scopes
  // and little that tells them from ID tokens; its answers have both.
  authentik: {
    verification: 'introspection',
    identity: { groups: 'groups' },
  },
  // https://zitadel.com/docs/guides/integrate/token-introspection: opaque unless the application asks for JWT, which hold no scopes.
  zitadel: {
    verification: 'introspection',
    identity: { groups: 'urn:zitadel:iam:org:project:roles' },
  },
  // https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles: JWT by its own profile, at+jwt by that of RFC 9068.
  auth0: {
    types: ['JWT', 'at+jwt'],
  },
  // https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/: no scopes; no `typ` in the headers of clusters.
  kubernetes: {
    types: ['absent', 'JWT'],
    scopes: [],
  },
  // https://docs.github.com/actions/concepts/security/openid-connect; of one enterprise, or of one's own server, `issuer` is another.
  'github-actions': {
    issuer: 'https://token.actions.githubusercontent.com',
    types: ['JWT'],
    algorithms: ['RS256'],
    scopes: [],
  },
  // https://docs.gitlab.com/ci/secrets/id_token_authentication/; of one's own GitLab `issuer` is its address.
  gitlab: {
    issuer: 'https://gitlab.com',
    types: ['JWT'],
    algorithms: ['RS256'],
    scopes: [],
  },
};

export type IssuerPreset = keyof typeof ISSUER_PRESETS;
