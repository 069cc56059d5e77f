// What the operator may say about the upstream MTA.

import Type from 'typebox';
import { duration, existingFile, secret } from '../setting.ts';

export const RelaySettings = Type.Object(
  {
    host: Type.String({
      minLength: 1,
      description: 'Host name or address of the mail server that mail is handed to.',
    }),
    port: Type.Integer({ minimum: 1, maximum: 65535, default: 25, description: 'Its port.' }),
    tls: Type.Union([Type.Literal('starttls'), Type.Literal('implicit'), Type.Literal('none')], {
      default: 'starttls',
      description:
        'How the connection is protected: `starttls` (required, verified), `implicit` (TLS from the first byte, verified), `none` (only on a trusted wire).',
    }),
    ca: Type.Optional(
      existingFile({ description: 'PEM file of certificate authorities trusted instead of the system’s.' }),
    ),
    serverName: Type.Optional(
      Type.String({ description: 'Name the certificate must bear, where it differs from `host`.' }),
    ),
    login: Type.Optional(
      Type.Object(
        {
          user: Type.String({
            minLength: 1,
            description: 'User name for AUTH PLAIN or LOGIN at the upstream.',
          }),
          password: secret({ description: 'Its password.' }),
        },
        { additionalProperties: false, description: 'Postern’s own account at the upstream.' },
      ),
    ),
    name: Type.Optional(
      Type.String({ description: 'Name given in EHLO; `submission.hostname` where absent.' }),
    ),
    maxConnections: Type.Integer({
      minimum: 1,
      default: 50,
      description: 'Connections held to the upstream at most.',
    }),
    maxWait: duration({
      default: '10s',
      description: 'How long a MAIL command waits for a free connection before 451.',
    }),
    idleTimeout: duration({ default: '30s', description: 'An unused connection is closed after this.' }),
    maxMessagesPerConnection: Type.Integer({
      minimum: 1,
      // Exim queues the eleventh until its next queue run (smtp_accept_queue_per_connection).
      default: 10,
      description:
        'Messages sent over one connection before a new one is made. Exim delays those beyond its `smtp_accept_queue_per_connection`, which is 10.',
    }),
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
  },
  { additionalProperties: false, description: 'The upstream mail server.' },
);

export type RelaySettings = Type.Static<typeof RelaySettings>;
