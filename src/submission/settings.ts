// What the operator may say about the mail client's door.

import Type from 'typebox';
import { duration } from '../setting.ts';
import { TlsSettings } from '../tls/settings.ts';
import { ListenerSettings, mechanisms, TrustedNetworkSettings } from './listener-settings.ts';
import { HeaderSettings, QualifiedDomains } from './message/header/settings.ts';

export const SubmissionSettings = Type.Object(
  {
    hostname: Type.String({
      minLength: 1,
      description: 'Name in the greeting and in Received; the certificate must bear it.',
    }),
    listeners: Type.Array(ListenerSettings, { minItems: 1, description: 'Where mail clients connect.' }),
    tls: Type.Optional(TlsSettings),
    mechanisms: mechanisms({
      default: ['OAUTHBEARER', 'XOAUTH2'],
      description: 'SASL mechanisms offered, best first.',
    }),
    trustedNetworks: Type.Optional(
      Type.Array(TrustedNetworkSettings, {
        description:
          'Servers of the organisation that cannot sign in, served by listeners whose `access` is `trusted-networks`.',
      }),
    ),
    maxMessageBytes: Type.Integer({
      minimum: 1024,
      default: 52428800,
      description: 'Largest message taken, announced with SIZE (RFC 1870).',
    }),
    maxHeaderBytes: Type.Integer({
      minimum: 1024,
      default: 262144,
      description: 'Largest header block; it is held in memory while it is checked.',
    }),
    header: HeaderSettings,
    qualifiedDomains: QualifiedDomains,
    maxRecipients: Type.Integer({
      minimum: 1,
      default: 1000,
      description: 'Recipients of one message at most.',
    }),
    maxConnections: Type.Integer({
      minimum: 1,
      default: 2000,
      description:
        'Connections at most. When all are taken, one that has not signed in makes room for a new one.',
    }),
    maxConnectionsPerAddress: Type.Integer({
      minimum: 1,
      default: 1000,
      description:
        'Connections from one client address that have not signed in yet. One more, and the oldest of them is closed: who can sign in always gets in.',
    }),
    maxSessionsPerUser: Type.Integer({
      minimum: 1,
      default: 500,
      description: 'Signed-in connections of one person or app; more get 421.',
    }),
    maxLoginFailures: Type.Integer({
      minimum: 3,
      default: 3,
      description: 'Failed AUTH commands before the connection is closed (RFC 4954 §9: not fewer than 3).',
    }),
    maxUnauthenticatedCommands: Type.Integer({
      minimum: 10,
      default: 30,
      description: 'Commands a client may send before it has signed in.',
    }),
    maxCommandErrors: Type.Integer({
      minimum: 5,
      default: 20,
      description: 'Refused or unknown commands in a row before the connection is closed.',
    }),
    loginTimeout: duration({
      default: '1m',
      description: 'A client that has not signed in by then is cut off.',
    }),
    idleTimeout: duration({
      default: '5m',
      description: 'A signed-in client may be silent this long (RFC 5321 §4.5.3.2.7).',
    }),
    minBytesPerSecond: Type.Integer({
      minimum: 1,
      default: 50,
      description: 'A message that arrives slower than this, averaged over a minute, is cut off.',
    }),
    maxTransaction: duration({
      default: '30m',
      description:
        'How long a client may take from MAIL to the message; a transaction holds a connection to the mail server behind.',
    }),
    maxSession: duration({
      default: '24h',
      description: 'A connection is closed after this, between two messages.',
    }),
    tokenExpiry: Type.Union([Type.Literal('next-message'), Type.Literal('at-once')], {
      default: 'next-message',
      description:
        'When a session ends whose token expires in the middle of it: before its `next-message`, or `at-once`, wherever it stands.',
    }),
    drainTimeout: duration({
      default: '30s',
      description: 'How long a stop waits for transactions in flight.',
    }),
  },
  { additionalProperties: false, description: 'The mail client’s door (RFC 6409).' },
);

export type SubmissionSettings = Type.Static<typeof SubmissionSettings>;
