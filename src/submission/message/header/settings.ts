// What the operator may say about the header of a message.

import Type from 'typebox';

export const HeaderSettings = Type.Object(
  {
    drop: Type.Array(Type.String({ minLength: 1 }), {
      default: ['Bcc', 'Resent-Bcc', 'Return-Path', 'Content-Length'],
      description:
        'Fields taken out of every message, unless a DKIM signature covers them. The names are those that Postfix drops, too.',
    }),
    authenticationResults: Type.Union([Type.Literal('add'), Type.Literal('omit')], {
      default: 'add',
      description:
        'Whether a message says that its sender signed in (`Authentication-Results` with `auth=pass`, RFC 8601). Such a field that came with the message and bears Postern’s name is taken out either way.',
    }),
    authservId: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Name under which Postern speaks in `Authentication-Results`; `submission.hostname` where absent.',
      }),
    ),
    clientAddress: Type.Union([Type.Literal('show'), Type.Literal('hide')], {
      default: 'show',
      description:
        'Whether Received tells the address of the mail client and the name it gave. With `hide` only the journal knows.',
    }),
  },
  { additionalProperties: false, default: {}, description: 'What is changed in the header of a message.' },
);

export const QualifiedDomains = Type.Union([Type.Literal('required'), Type.Literal('any')], {
  default: 'required',
  description:
    'Whether the domain of every address, in the envelope and in the header, must be complete (RFC 6409 §4.2); `any` lets `user@host` pass, for a mail server that completes such names.',
});

export type HeaderSettings = Type.Static<typeof HeaderSettings>;
export type QualifiedDomains = Type.Static<typeof QualifiedDomains>;
