// What the operator may say about programs that register themselves, or describe themselves at an address of theirs.

import Type from 'typebox';

/** Safe without a look at the program: the answer stays on the person's own device (RFC 8252 §7.1, §7.3). */
const NATIVE_ONLY = ['loopback', 'private-use'];

export const RegistrationSettings = Type.Object(
  {
    mode: Type.Union([Type.Literal('open'), Type.Literal('closed')], {
      default: 'open',
      description:
        'Whether any program may register itself at `/register` (RFC 7591), as a public client that still needs a person’s consent. `closed` also refuses every program that did so before.',
    }),
    redirectPatterns: Type.Array(Type.String({ minLength: 1 }), {
      default: NATIVE_ONLY,
      description:
        'Where the answer of such a program may go: `loopback` (any port of this computer), `private-use` (a scheme with a dot), or an address such as `https://app.example.org/callback` or `org.example.mail:/*`, in which `*` at the end stands for any rest. Also applied to programs that registered before.',
    }),
  },
  {
    additionalProperties: false,
    default: {},
    description: 'Programs that register themselves (RFC 7591), with nothing to set up and nothing stored.',
  },
);

export const ClientMetadataDocumentSettings = Type.Object(
  {
    mode: Type.Union([Type.Literal('open'), Type.Literal('closed')], {
      default: 'open',
      description:
        'Whether a program may use the https address of a document about itself as its `client_id`; Postern fetches the document. `closed` fetches nothing and refuses every such program.',
    }),
    redirectPatterns: Type.Array(Type.String({ minLength: 1 }), {
      default: NATIVE_ONLY,
      description:
        'As for `registration`; `same-origin` also allows web sites to which the document itself belongs. A web site can be in anybody’s hands, and whoever is led to its consent page and allows it lets it send mail.',
    }),
    hosts: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description: 'Hosts that documents may be fetched from; empty: every host.',
    }),
    privateHosts: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      description:
        'Hosts, as `host` or `host:port`, that documents are fetched from although their addresses are private; every other host must have public ones and port 443.',
    }),
  },
  {
    additionalProperties: false,
    default: {},
    description:
      'Programs whose `client_id` is the address of a document about them (OAuth Client ID Metadata Document).',
  },
);

export type RegistrationSettings = Type.Static<typeof RegistrationSettings>;
export type ClientMetadataDocumentSettings = Type.Static<typeof ClientMetadataDocumentSettings>;
