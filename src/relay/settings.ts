// What the operator may say about the mail servers that mail is handed to, and which of them gets what.

import Type from 'typebox';
import { UpstreamOAuthSettings } from '../relying-party/upstream/settings.ts';
import { duration, existingFile } from '../setting.ts';
import { ClientCertificateSettings, IdentitySettings, LoginSettings } from './login-settings.ts';
import { UPSTREAM_PRESETS } from './presets.ts';

const properties = {
  preset: Type.Optional(
    Type.Union(
      [
        Type.Literal('postfix'),
        Type.Literal('exim'),
        Type.Literal('sendmail'),
        Type.Literal('opensmtpd'),
        Type.Literal('exchange'),
        Type.Literal('gmail'),
        Type.Literal('google-workspace'),
        Type.Literal('microsoft365'),
        Type.Literal('ionos'),
      ],
      {
        description:
          'Fills in what suits such a mail server, in `oauth` too once that is opened. What else is said here counts instead. Each has a page in docs/upstreams/.',
      },
    ),
  ),
  host: Type.String({
    minLength: 1,
    description: 'Host name or address of the mail server that mail is handed to.',
  }),
  port: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 65535,
      description:
        'Its port. Where nothing is said: what the SRV record says, 465 with implicit TLS, else 25.',
    }),
  ),
  lookup: Type.Union([Type.Literal('address'), Type.Literal('mx'), Type.Literal('srv')], {
    default: 'address',
    description:
      'How `host` leads to servers: `address` (it is one), `mx` (a domain; its MX records name them), `srv` (a domain; its `_submission._tcp` or, with implicit TLS, `_submissions._tcp` records name them).',
  }),
  tls: Type.Union(
    [Type.Literal('starttls'), Type.Literal('implicit'), Type.Literal('opportunistic'), Type.Literal('none')],
    {
      default: 'starttls',
      description:
        'How the connection is protected: `starttls` (required, verified), `implicit` (TLS from the first byte, verified), `opportunistic` (STARTTLS where offered, not verified: no protection from an attacker on the way), `none` (only on a trusted wire).',
    },
  ),
  ca: Type.Optional(
    existingFile({ description: 'PEM file of certificate authorities trusted instead of the system’s.' }),
  ),
  serverName: Type.Optional(
    Type.String({ description: 'Name the certificate must bear, where it differs from `host`.' }),
  ),
  fingerprints: Type.Optional(
    Type.Array(
      Type.String({
        pattern: '^([0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}$',
        'x-shape': '64 hexadecimal digits, with or without colons',
      }),
      {
        minItems: 1,
        description:
          'SHA-256 fingerprints of the certificates that the upstream may have; nothing else about them counts then. `openssl x509 -noout -fingerprint -sha256` prints one.',
      },
    ),
  ),
  clientCertificate: Type.Optional(ClientCertificateSettings),
  login: Type.Optional(LoginSettings),
  oauth: Type.Optional(UpstreamOAuthSettings),
  identity: IdentitySettings,
  name: Type.Optional(
    Type.String({ description: 'Name given in EHLO; `submission.hostname` where absent.' }),
  ),
  maxConnections: Type.Integer({
    minimum: 1,
    default: 50,
    description: 'Connections held to the upstream at most.',
  }),
  maxConnectionsPerAccount: Type.Optional(
    Type.Integer({
      minimum: 1,
      description: 'Connections at most that are signed in to one account of the upstream.',
    }),
  ),
  maxConnectionsPerUser: Type.Optional(
    Type.Integer({
      minimum: 1,
      description:
        'Connections that the messages of one user may take at most; three quarters of `maxConnections` where nothing is said.',
    }),
  ),
  maxMessagesPerConnection: Type.Integer({
    minimum: 1,
    // Exim queues the eleventh until its next queue run (smtp_accept_queue_per_connection).
    default: 10,
    description:
      'Messages sent over one connection before a new one is made. Exim delays those beyond its `smtp_accept_queue_per_connection`, which is 10.',
  }),
  maxMessagesPerMinute: Type.Optional(
    Type.Integer({
      minimum: 1,
      description:
        'Messages handed over in any 60 seconds for one account of the upstream; further ones wait for `maxWait`, then hear 451.',
    }),
  ),
  maxWait: duration({
    default: '10s',
    description: 'How long a MAIL command waits for a free connection, or for its turn, before 451.',
  }),
  idleTimeout: duration({ default: '30s', description: 'An unused connection is closed after this.' }),
  connectTimeout: duration({
    default: '10s',
    description: 'Limit for connecting, greeting, TLS and login together.',
  }),
  replyTimeout: duration({
    default: '2m',
    description: 'Limit for the reply to MAIL, RCPT and DATA, and for taking a piece of the message.',
  }),
  finalReplyTimeout: duration({
    default: '10m',
    description: 'Limit for the reply to the final dot (RFC 5321 §4.5.3.2.6).',
  }),
  healthCheckInterval: duration({
    default: '30s',
    description:
      'An upstream that was not heard from for so long is connected to and asked. One that fails is left alone and tried again after 5 seconds, then less and less often, up to this.',
  }),
};

export const UpstreamSettings = Type.Object(properties, {
  additionalProperties: false,
  'x-presets': UPSTREAM_PRESETS,
  description: 'The upstream mail server; with several, the one that gets what no route names.',
});

export const NamedUpstreamSettings = Type.Object(
  {
    id: Type.String({
      pattern: '^[a-z0-9][a-z0-9-]*$',
      'x-shape': 'lower-case letters, digits and hyphens',
      description: 'Name of the upstream in `routes`, the journal and the metrics.',
    }),
    priority: Type.Integer({
      minimum: 0,
      default: 0,
      description: 'Upstreams of a lower number come first; others only when none of those can be used.',
    }),
    weight: Type.Integer({
      minimum: 0,
      default: 1,
      description: 'Share of the mail among upstreams of the same priority.',
    }),
    ...properties,
  },
  {
    additionalProperties: false,
    'x-like': 'upstream',
    'x-presets': UPSTREAM_PRESETS,
  },
);

const words = (description: string) =>
  Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1, description }));

export const RouteSettings = Type.Object(
  {
    senders: words(
      'Envelope senders: addresses, or `*@example.org` for every address of a domain. The empty sender matches none.',
    ),
    users: words('Users by an address of theirs, or by `sub` of their token.'),
    groups: words('Groups of the user, any one of them.'),
    clients: words('`client_id` of the app that the token was issued to.'),
    listeners: words('Listeners by their `name`.'),
    upstreams: Type.Array(Type.String(), {
      minItems: 1,
      uniqueItems: true,
      description: 'Where such mail goes: `id` of upstreams.',
    }),
  },
  { additionalProperties: false },
);

export const UpstreamsSettings = Type.Array(NamedUpstreamSettings, {
  default: [],
  description:
    'Several upstream mail servers, each with the settings of `upstream` and some of its own. What no route names goes to `upstream`, or where there is none to all of these.',
});

export const RoutesSettings = Type.Array(RouteSettings, {
  default: [],
  description: 'Which mail goes to which upstreams. The first route of which every condition holds counts.',
});

export interface RelaySettings {
  /** What no route names goes here; where there is none, to all of `upstreams`. */
  readonly upstream?: UpstreamSettings;
  readonly upstreams: readonly NamedUpstreamSettings[];
  readonly routes: readonly RouteSettings[];
}

export type UpstreamSettings = Type.Static<typeof UpstreamSettings>;
export type NamedUpstreamSettings = Type.Static<typeof NamedUpstreamSettings>;
export type RouteSettings = Type.Static<typeof RouteSettings>;

/** The port to connect to where DNS does not say: RFC 8314 §3.3 with TLS from the first byte, else RFC 5321 §4.5.4.2. */
export function portOf({
  port,
  tls,
}: {
  readonly port?: number | undefined;
  readonly tls: UpstreamSettings['tls'];
}): number {
  return port ?? (tls === 'implicit' ? 465 : 25);
}
