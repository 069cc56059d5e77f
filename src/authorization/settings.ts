// What the operator may say about the browser's door: issuer, identity provider, clients, lifetimes.

import Type from 'typebox';
import { duration, existingFile, network, secret, socketAddress } from '../setting.ts';
import { IdentityClaims, Requirement } from '../token/settings.ts';
import { DeviceGrantSettings } from './device/settings.ts';
import { ClientMetadataDocumentSettings, RegistrationSettings } from './open-clients/settings.ts';

export const IdentityProviderSettings = Type.Object(
  {
    issuer: Type.String({
      format: 'uri',
      description: 'Issuer of the identity provider; its metadata is discovered there.',
    }),
    clientId: Type.String({
      minLength: 1,
      description: 'Postern’s client identifier at the identity provider.',
    }),
    clientSecret: Type.Optional(secret({ description: 'Its secret; absent for a public client.' })),
    scopes: Type.Array(Type.String({ minLength: 1 }), {
      default: ['openid', 'email', 'profile'],
      description: 'Scopes asked for at sign-in.',
    }),
    name: Type.Optional(Type.String({ description: 'What people call it, for the pages.' })),
    domains: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        minItems: 1,
        description:
          'Mail domains whose people may sign in; all where absent. It is believed about addresses of these alone, as it should be where anybody may have an account there.',
      }),
    ),
    require: Type.Optional(
      Type.Array(Requirement, {
        minItems: 1,
        description:
          'Groups and other claims that a person must have to sign in, every one of the list; looked at when they sign in, not later.',
      }),
    ),
    identity: IdentityClaims,
    timeout: duration({ default: '10s', description: 'Limit for one request to it.' }),
    allowInsecureHttp: Type.Boolean({
      default: false,
      description: 'Dangerous: speak http with the identity provider. For a demonstration on loopback only.',
    }),
  },
  { additionalProperties: false, description: 'The organisation’s identity provider (OpenID Connect).' },
);

export const ClientSettings = Type.Object(
  {
    clientId: Type.String({ minLength: 1, description: 'Identifier of the client.' }),
    name: Type.Optional(Type.String({ description: 'Name shown on the consent page.' })),
    clientSecret: Type.Optional(secret({ description: 'Secret of a confidential client.' })),
    jwks: Type.Optional(
      existingFile({
        description: 'JSON file with the public keys of a client that uses `private_key_jwt`.',
      }),
    ),
    certificates: Type.Optional(
      Type.Array(
        existingFile({ description: 'PEM file with one certificate: the client’s own, whoever issued it.' }),
        {
          minItems: 1,
          maxItems: 8,
          description:
            'Certificates of a client that proves itself by mutual TLS (`self_signed_tls_client_auth`, RFC 8705 §2.2); several for a change from one to the next.',
        },
      ),
    ),
    certificateSubject: Type.Optional(
      Type.Object(
        {
          dn: Type.Optional(
            Type.String({
              minLength: 1,
              description:
                'Distinguished name, the most special part first (RFC 4514), as `openssl x509 -noout -subject -nameopt RFC2253` prints it. Compared letter by letter.',
            }),
          ),
          dns: Type.Optional(
            Type.String({ minLength: 1, description: 'Host name in its subjectAltName; no wildcard.' }),
          ),
          uri: Type.Optional(
            Type.String({
              minLength: 1,
              description: 'URI in its subjectAltName, letter by letter; that of SPIFFE, for instance.',
            }),
          ),
          ip: Type.Optional(Type.String({ minLength: 1, description: 'IP address in its subjectAltName.' })),
          email: Type.Optional(
            Type.String({ minLength: 1, description: 'Mail address in its subjectAltName.' }),
          ),
        },
        {
          additionalProperties: false,
          description:
            'Name that the certificate of a client is for which proves itself by mutual TLS with one of `clientAuthorities` (`tls_client_auth`, RFC 8705 §2.1): exactly one of these.',
        },
      ),
    ),
    certificateBoundTokens: Type.Optional(
      Type.Boolean({
        description:
          'Whether its tokens are good only on connections made with the certificate it showed when it asked for them (RFC 8705 §3), also over SMTP; no where absent.',
      }),
    ),
    redirectUris: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description: 'Redirect addresses; for loopback ones the port is not compared (RFC 8252 §7.3).',
    }),
    sendAs: Type.Array(Type.String({ minLength: 3 }), {
      default: [],
      description:
        'Addresses an app may send as with the client credentials grant; empty: the grant is not allowed.',
    }),
    accessTokenFormat: Type.Optional(
      Type.Union([Type.Literal('jwt'), Type.Literal('opaque')], {
        description:
          'Form of its access tokens: jwt (signed, RFC 9068; some 450 characters), also where absent, or opaque (43 characters, for programs that cannot hold a longer one).',
      }),
    ),
    deviceGrant: Type.Optional(
      Type.Boolean({
        description:
          'Whether people may sign in through it with a code on another device (RFC 8628), as a program without a browser needs; no where absent.',
      }),
    ),
  },
  { additionalProperties: false },
);

export const BackChannelLogoutSettings = Type.Object(
  {
    endMailSessions: Type.Boolean({
      default: true,
      description:
        'A logout at the identity provider also ends the mail programs that were allowed in that session, so that they must sign in anew; false: only those without `offline_access` (OpenID Connect Back-Channel Logout §2.7).',
    }),
  },
  {
    additionalProperties: false,
    default: {},
    description:
      'Logouts at the identity provider; register `/back-channel-logout` there as backchannel_logout_uri.',
  },
);

export const TransmitterSettings = Type.Object(
  {
    issuer: Type.String({
      format: 'uri',
      description: 'Exact value of `iss` of its events; a trailing slash counts.',
    }),
    jwksUri: Type.Optional(
      Type.String({
        format: 'uri',
        description: 'Where its keys are; found at `/.well-known/ssf-configuration` where absent.',
      }),
    ),
    audience: Type.String({ minLength: 1, description: 'Value of `aud` of the events meant for Postern.' }),
    push: Type.Optional(
      Type.Object(
        {
          authorization: Type.Optional(
            secret({
              description:
                'Authorization header it sends, as given to it as authorization_header (RFC 8935 §3).',
            }),
          ),
        },
        {
          additionalProperties: false,
          description: 'It sends its events to `/signals/push` (RFC 8935).',
        },
      ),
    ),
    poll: Type.Optional(
      Type.Object(
        {
          endpoint: Type.String({ format: 'uri', description: 'Where it is asked for events.' }),
          token: Type.Optional(secret({ description: 'Bearer token shown there.' })),
          interval: duration({
            default: '5s',
            description:
              'Shortest time between two questions that found nothing; one that keeps them waiting for events is asked at once.',
          }),
        },
        { additionalProperties: false, description: 'Postern asks it for its events (RFC 8936).' },
      ),
    ),
    allowInsecureHttp: Type.Boolean({
      default: false,
      description: 'Dangerous: fetch keys and events over http. For a demonstration on loopback only.',
    }),
  },
  { additionalProperties: false },
);

export const GlobalRevocationSettings = Type.Object(
  {
    token: secret({ description: 'Bearer token that a caller must show.' }),
  },
  {
    additionalProperties: false,
    description:
      'Global token revocation at `/global-token-revocation`: an incident tool or identity provider ends everything of one person.',
  },
);

export const ReverseProxySettings = Type.Object(
  {
    from: Type.Array(network({ description: 'Network or address.' }), {
      minItems: 1,
      description:
        'Addresses of the proxies. What others write in these headers is not believed; nobody but the proxies may be able to connect from there.',
    }),
    clientCertificateHeader: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z][A-Za-z0-9-]{0,63}$',
        'x-shape': 'the name of a header such as "Client-Cert"',
        description:
          'Name of the header in which they hand over the certificate of a client that made its connection with one (mutual TLS, RFC 8705); its value as `Client-Cert` of RFC 9440, or nginx’ `$ssl_client_escaped_cert`. They must overwrite what a client sends under this name: who can write the header can be any client.',
      }),
    ),
  },
  {
    additionalProperties: false,
    description:
      'Reverse proxies that say in X-Forwarded-For who the client is. Without this every client seems to be the proxy.',
  },
);

export const AuthorizationSettings = Type.Object(
  {
    issuer: Type.String({
      format: 'uri',
      description: 'Address of the OAuth server as browsers and clients see it; https, no path.',
      examples: ['https://mail.example.org'],
    }),
    listen: socketAddress({ description: 'Where it listens.', examples: [':8080'] }),
    reverseProxy: Type.Optional(ReverseProxySettings),
    clientAuthorities: Type.Optional(
      existingFile({
        description:
          'PEM file with the authorities that sign the certificates of clients with `certificateSubject`: each the last one before the client’s own. Read again when it changes.',
      }),
    ),
    identityProvider: IdentityProviderSettings,
    clients: Type.Array(ClientSettings, {
      default: [],
      description: 'Programs and apps that may ask for tokens.',
    }),
    registration: RegistrationSettings,
    clientMetadataDocuments: ClientMetadataDocumentSettings,
    accessTokenLifetime: duration({ default: '15m', description: 'Life of an access token.' }),
    refreshTokenLifetime: duration({
      default: '90d',
      description: 'Life of a refresh token, counted anew at each use.',
    }),
    refreshTokenGrace: duration({
      default: '0s',
      description:
        'For how long a used refresh token may be used again by a program whose answer was lost on the way; at most 1m. Later, and with 0s at once, the grant ends, for the token may be stolen. Where programs are on mobile networks, 10s spares people new sign-ins.',
    }),
    grantLifetime: duration({ default: '365d', description: 'Age at which consent is asked for again.' }),
    sessionLifetime: duration({ default: '12h', description: 'Life of the browser session.' }),
    deviceGrant: DeviceGrantSettings,
    backChannelLogout: BackChannelLogoutSettings,
    sharedSignals: Type.Array(TransmitterSettings, {
      default: [],
      description: 'Transmitters of Shared Signals (SSF, CAEP, RISC) whose word ends access.',
    }),
    globalRevocation: Type.Optional(GlobalRevocationSettings),
  },
  {
    additionalProperties: false,
    description: 'The browser’s door: sign-in, consent and tokens.',
    'x-instead': {
      trustProxy:
        'write `reverseProxy` with `from: [127.0.0.1]` under it: the addresses of the proxies, which alone are believed (or leave it out where there is no proxy)',
      clientCertificateHeader:
        'write the name of the header as `reverseProxy.clientCertificateHeader`, beside `reverseProxy.from`',
    },
  },
);

export type IdentityProviderSettings = Type.Static<typeof IdentityProviderSettings>;
export type ReverseProxySettings = Type.Static<typeof ReverseProxySettings>;
export type ClientSettings = Type.Static<typeof ClientSettings>;
export type TransmitterSettings = Type.Static<typeof TransmitterSettings>;
export type AuthorizationSettings = Type.Static<typeof AuthorizationSettings>;
