// What the operator may say about DKIM: which keys sign for whom, what a signature covers, where messages wait for theirs.

import Type from 'typebox';
import { existingFile, writablePath } from '../setting.ts';

/** Whatever of these stands in a header is signed, each as often as it is there. */
const SIGNED = [
  'Sender',
  'In-Reply-To',
  'References',
  'Resent-Date',
  'Resent-From',
  'Resent-Sender',
  'Resent-To',
  'Resent-Cc',
  'Resent-Message-ID',
  'List-Id',
  'List-Help',
  'List-Unsubscribe',
  'List-Unsubscribe-Post',
  'List-Subscribe',
  'List-Post',
  'List-Owner',
  'List-Archive',
  'Autocrypt',
];

/** What a reader sees, and what decides how the body is shown: a second one of these would change the message (RFC 6376 §8.15). */
const SEALED = [
  'From',
  'Reply-To',
  'To',
  'Cc',
  'Subject',
  'Date',
  'Message-ID',
  'MIME-Version',
  'Content-Type',
  'Content-Transfer-Encoding',
];

const fieldNames = (note: { default: string[]; description: string }) =>
  Type.Array(Type.String({ minLength: 1 }), note);

export const DkimSettings = Type.Object(
  {
    keys: Type.Array(
      Type.Object(
        {
          domain: Type.String({
            minLength: 1,
            description:
              'Signs messages whose From is of this domain, or of one below it that has no key of its own.',
          }),
          selector: Type.String({
            minLength: 1,
            description: 'The public key stands in DNS as TXT at `SELECTOR._domainkey.DOMAIN`.',
          }),
          privateKey: existingFile({
            description:
              'PEM file with an RSA key (rsa-sha256; 2048 bits are usual) or an Ed25519 key (ed25519-sha256). Read at start and reload.',
          }),
        },
        { additionalProperties: false },
      ),
      {
        minItems: 1,
        description: 'Several keys of one domain each make a signature of their own.',
      },
    ),
    sealedFields: fieldNames({
      default: SEALED,
      description:
        'Header fields that are signed, and of which nobody can add one on the way without breaking the signature (oversigning).',
    }),
    signedFields: fieldNames({
      default: SIGNED,
      description: 'Further header fields that are signed where a message has them.',
    }),
    maxMemoryBytes: Type.Integer({
      minimum: 0,
      maximum: 16_777_216,
      default: 131_072,
      description:
        'How much of a message is held in memory until it is complete and can be signed; a larger one goes to a file.',
    }),
    spoolFolder: writablePath({
      default: '/var/tmp',
      description:
        'Where those files are; none of them has a name, so nothing remains of them. Should be a disk, which `/tmp` often is not.',
    }),
    maxSpoolBytes: Type.Integer({
      minimum: 1_048_576,
      default: 10_737_418_240,
      description:
        'How much all of them may take together. Beyond it a message is refused for now, with 451.',
    }),
  },
  {
    additionalProperties: false,
    description: 'DKIM signatures (RFC 6376, RFC 8463). Where absent, messages pass as they are.',
  },
);

export type DkimSettings = Type.Static<typeof DkimSettings>;
