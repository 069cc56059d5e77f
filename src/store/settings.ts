// What the operator may say about where state is kept.

import Type from 'typebox';
import { writablePath } from '../setting.ts';

export const StoreSettings = Type.Object(
  {
    sqlite: writablePath({
      description: 'SQLite file; made where absent.',
      examples: ['/var/lib/postern/postern.sqlite'],
    }),
  },
  { additionalProperties: false, description: 'Where keys, grants and sessions are kept.' },
);

export type StoreSettings = Type.Static<typeof StoreSettings>;
