// What the operator may say about the local administration socket.

import Type from 'typebox';
import { writablePath } from '../setting.ts';

export const AdministrationSettings = Type.Object(
  {
    socket: writablePath({
      description:
        'UNIX socket for `postern sessions`, `postern revoke` and `postern explain`. Only the user that runs Postern can open it; its folder must not be writable by others and is made where absent.',
      examples: ['/var/lib/postern/admin.sock'],
    }),
  },
  {
    additionalProperties: false,
    description: 'The local administration socket: who is connected, and ending it. Off where absent.',
  },
);

export type AdministrationSettings = Type.Static<typeof AdministrationSettings>;
