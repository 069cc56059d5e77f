// What the operator may say about each listener: where, how TLS begins, who may use it.

import Type from 'typebox';
import { network, socketAddress } from '../setting.ts';

/** What a preset fills in; whatever stands beside it in the file counts instead. */
export const LISTENER_PRESETS = {
  /** RFC 6409. */
  submission: { listen: ':587', tls: 'starttls' },
  /** RFC 8314 §3.3. */
  submissions: { listen: ':465', tls: 'implicit' },
  /** For servers of the organisation that cannot sign in. */
  relay: { listen: ':25', tls: 'starttls', access: 'trusted-networks' },
};

const Mechanisms = Type.Union([Type.Literal('OAUTHBEARER'), Type.Literal('XOAUTH2')]);

/** SASL mechanisms, best first. */
export const mechanisms = (note: { description: string; default?: string[] }) =>
  Type.Array(Mechanisms, { minItems: 1, uniqueItems: true, ...note });

export const ListenerSettings = Type.Object(
  {
    preset: Type.Optional(
      Type.Union([Type.Literal('submission'), Type.Literal('submissions'), Type.Literal('relay')], {
        description:
          'Fills in the settings of a usual listener: `submission` is port 587 with STARTTLS, `submissions` is port 465 with TLS from the first byte, `relay` is port 25 for `submission.trustedNetworks`. What else is said here counts instead.',
      }),
    ),
    name: Type.Optional(Type.String({ minLength: 1, description: 'Name of the listener, for `routes`.' })),
    listen: socketAddress({ description: 'Address and port.', examples: [':587'] }),
    tls: Type.Union([Type.Literal('starttls'), Type.Literal('implicit')], {
      description: '`starttls` for port 587, `implicit` for port 465 (RFC 8314).',
    }),
    access: Type.Optional(
      Type.Union([Type.Literal('login'), Type.Literal('trusted-networks')], {
        description:
          'Who may send here: whoever signs in (`login`, which holds where nothing is said), or the servers of `submission.trustedNetworks` and nobody else.',
      }),
    ),
    mechanisms: Type.Optional(
      mechanisms({ description: 'SASL mechanisms offered here, where others than `submission.mechanisms`.' }),
    ),
    clientCertificate: Type.Optional(
      Type.Union([Type.Literal('none'), Type.Literal('optional'), Type.Literal('required')], {
        description:
          'Whether a client is asked for a certificate, and must have one, from `submission.tls.clientAuthorities`. Not asked where nothing is said.',
      }),
    ),
    proxyProtocol: Type.Optional(
      Type.Object(
        {
          from: Type.Array(network({ description: 'Network or address.' }), {
            minItems: 1,
            description:
              'Addresses of the load balancers. From them the header is required, from others refused.',
          }),
        },
        {
          additionalProperties: false,
          description:
            'Load balancers that say in a PROXY header (version 1 or 2) who the client is. Without this every client seems to be the load balancer.',
        },
      ),
    ),
  },
  { additionalProperties: false, 'x-presets': LISTENER_PRESETS },
);

export const TrustedNetworkSettings = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      description: 'Name in the journal and in `postern sessions`.',
    }),
    networks: Type.Array(network({ description: 'Network or address.' }), {
      minItems: 1,
      description:
        'Where its servers connect from. The first entry of the list that holds the address counts.',
    }),
    sendAs: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      description: 'Addresses its servers may send as; `*@example.org` for every address of a domain.',
    }),
    requireTls: Type.Optional(
      Type.Boolean({ description: 'Whether mail is taken only after STARTTLS. Not where nothing is said.' }),
    ),
    maxConnections: Type.Integer({ minimum: 1, default: 20, description: 'Connections at a time.' }),
    maxMessagesPerMinute: Type.Integer({
      minimum: 1,
      default: 60,
      description: 'Messages a minute; more are put off with 451.',
    }),
    maxRecipients: Type.Integer({ minimum: 1, default: 100, description: 'Recipients of one message.' }),
  },
  { additionalProperties: false },
);

export type ListenerSettings = Type.Static<typeof ListenerSettings>;
export type TrustedNetworkSettings = Type.Static<typeof TrustedNetworkSettings>;
