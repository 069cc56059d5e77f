// The values of the example configuration: a plausible production set-up, one value for each setting without a default.

/** By path; `[]` stands for the first item of a list. */
export const EXAMPLES: Readonly<Record<string, unknown>> = {
  'submission.hostname': 'mail.example.org',
  'submission.listeners[].listen': ':587',
  'submission.listeners[].tls': 'starttls',
  'submission.tls.certificate': '/etc/postern/certificate.pem',
  'submission.tls.key': '/etc/postern/key.pem',
  'upstream.host': 'smtp.internal.example.org',
  'upstream.ca': '/etc/postern/upstream-ca.pem',
  'upstream.serverName': 'smtp.example.org',
  'upstream.login.user': 'postern',
  'upstream.login.password': { file: '/etc/postern/upstream-password' },
  'upstream.name': 'mail.example.org',
  'authorization.issuer': 'https://mail.example.org',
  'authorization.listen': '127.0.0.1:8080',
  'authorization.trustProxy': true,
  'authorization.identityProvider.issuer': 'https://id.example.org',
  'authorization.identityProvider.clientId': 'postern',
  'authorization.identityProvider.clientSecret': { file: '/etc/postern/identity-provider-secret' },
  'authorization.identityProvider.name': 'Example Organisation',
  'authorization.identityProvider.identity.groups': 'groups',
  'authorization.clients[].clientId': 'desktop-mail',
  'authorization.clients[].name': 'Desktop Mail',
  'authorization.clients[].clientSecret': { env: 'CLIENT_SECRET' },
  'authorization.clients[].jwks': '/etc/postern/client-keys.json',
  'authorization.clients[].redirectUris': ['http://127.0.0.1/', 'org.example.mail:/callback'],
  'authorization.sharedSignals[].issuer': 'https://id.example.org',
  'authorization.sharedSignals[].jwksUri': 'https://id.example.org/signals/keys',
  'authorization.sharedSignals[].audience': 'https://mail.example.org/signals/push',
  'authorization.sharedSignals[].push.authorization': { env: 'SIGNALS_PUSH_AUTHORIZATION' },
  'authorization.sharedSignals[].poll.endpoint': 'https://id.example.org/signals/poll',
  'authorization.sharedSignals[].poll.token': { env: 'SIGNALS_POLL_TOKEN' },
  'authorization.globalRevocation.token': { env: 'GLOBAL_REVOCATION_TOKEN' },
  'token.audience': 'https://mail.example.org',
  'token.trustedIssuers[].issuer': 'https://id.example.org',
  'token.trustedIssuers[].jwksUri': 'https://id.example.org/keys',
  'token.trustedIssuers[].audiences': ['https://mail.example.org'],
  'token.trustedIssuers[].clients': ['mail-app'],
  'token.trustedIssuers[].identity.groups': 'groups',
  'token.trustedIssuers[].introspection.endpoint': 'https://id.example.org/introspect',
  'token.trustedIssuers[].introspection.clientId': 'postern',
  'token.trustedIssuers[].introspection.clientSecret': { env: 'INTROSPECTION_SECRET' },
  'store.sqlite': '/var/lib/postern/postern.sqlite',
  'administration.socket': '/run/postern/admin.sock',
  'demo.identityProvider': '127.0.0.1:8081',
  'demo.inbox': '127.0.0.1:1025',
  'demo.folder': '/var/lib/postern/demo',
};

/** Settings that could be left out, but stand in the example as they would in a real set-up. */
export const SHOWN_IN_USE: ReadonlySet<string> = new Set([
  'submission.tls',
  'authorization.trustProxy',
  'authorization.identityProvider.clientSecret',
  'authorization.clients',
  'authorization.clients[].name',
  'authorization.clients[].redirectUris',
]);

/** Items of a list after the first, which carries the explanations. */
export const FURTHER_ITEMS: Readonly<Record<string, readonly object[]>> = {
  'submission.listeners': [{ listen: ':465', tls: 'implicit' }],
  'authorization.clients': [
    {
      clientId: 'billing',
      name: 'Billing',
      clientSecret: { file: '/etc/postern/billing-secret' },
      sendAs: ['billing@example.org'],
    },
  ],
};
