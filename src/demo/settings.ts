// What the demo's configuration says: where the embedded identity provider and inbox listen.

import Type from 'typebox';
import { socketAddress, writablePath } from '../setting.ts';

export const DemoSettings = Type.Object(
  {
    identityProvider: socketAddress({ description: 'Where the demo identity provider listens.' }),
    inbox: socketAddress({ description: 'Where the demo upstream listens.' }),
    folder: writablePath({ description: 'Where the demo keeps its certificate and its inbox.' }),
  },
  {
    additionalProperties: false,
    description:
      'Dangerous: starts an identity provider with published passwords and an inbox. For trying Postern out only.',
  },
);

export type DemoSettings = Type.Static<typeof DemoSettings>;
