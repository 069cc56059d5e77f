// What the operator may say about the mail client's door.

import Type from 'typebox';
import { duration, existingFile, socketAddress } from '../setting.ts';

export const ListenerSettings = Type.Object(
  {
    listen: socketAddress({ description: 'Address and port.', examples: [':587'] }),
    tls: Type.Union([Type.Literal('starttls'), Type.Literal('implicit')], {
      description: '`starttls` for port 587, `implicit` for port 465 (RFC 8314).',
    }),
  },
  { additionalProperties: false },
);

export const SubmissionSettings = Type.Object(
  {
    hostname: Type.String({
      minLength: 1,
      description: 'Name in the greeting and in Received; the certificate must bear it.',
    }),
    listeners: Type.Array(ListenerSettings, { minItems: 1, description: 'Where mail clients connect.' }),
    tls: Type.Optional(
      Type.Object(
        {
          certificate: existingFile({ description: 'PEM file with the certificate and its chain.' }),
          key: existingFile({ description: 'PEM file with the private key.' }),
          minVersion: Type.Union([Type.Literal('TLSv1.2'), Type.Literal('TLSv1.3')], {
            default: 'TLSv1.2',
            description: 'Oldest protocol version taken (RFC 8997).',
          }),
        },
        {
          additionalProperties: false,
          description:
            'The certificate shown to mail clients. Required, except in the demo, which makes its own.',
        },
      ),
    ),
    mechanisms: Type.Array(Type.Union([Type.Literal('OAUTHBEARER'), Type.Literal('XOAUTH2')]), {
      minItems: 1,
      uniqueItems: true,
      default: ['OAUTHBEARER', 'XOAUTH2'],
      description: 'SASL mechanisms offered, best first.',
    }),
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
    maxRecipients: Type.Integer({
      minimum: 1,
      default: 1000,
      description: 'Recipients of one message at most.',
    }),
    maxConnections: Type.Integer({
      minimum: 1,
      default: 2000,
      description: 'Connections at most; more get 421.',
    }),
    maxConnectionsPerAddress: Type.Integer({
      minimum: 1,
      default: 200,
      description: 'Connections from one client address at most; more get 421.',
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

export type ListenerSettings = Type.Static<typeof ListenerSettings>;
export type SubmissionSettings = Type.Static<typeof SubmissionSettings>;
