// What the operator may say about jobs that send with their platform's token: which ones, as whom.

import Type from 'typebox';

const Condition = Type.Object(
  {
    claim: Type.String({ minLength: 1, description: 'Claim, such as `repository` or `ref`.' }),
    anyOf: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      description: 'Patterns of which it must fit one, or hold a value that does.',
    }),
  },
  { additionalProperties: false },
);

export const WorkloadSettings = Type.Object(
  {
    subject: Type.String({
      minLength: 1,
      description:
        'Pattern for `sub`. `*` stands for one or more characters, but never for a separator (`:`, `/` or `@`); everything else stands for itself.',
    }),
    where: Type.Optional(
      Type.Array(Condition, {
        minItems: 1,
        description: 'Claims that must fit too, every one of the list, by patterns of the same kind.',
      }),
    ),
    sendAs: Type.Array(Type.String({ minLength: 1 }), {
      minItems: 1,
      description: 'Addresses its jobs may send as.',
    }),
  },
  { additionalProperties: false },
);

export type WorkloadSettings = Type.Static<typeof WorkloadSettings>;
