// What the operator may say about the device grant.

import Type from 'typebox';
import { duration } from '../../setting.ts';

export const DeviceGrantSettings = Type.Object(
  {
    enabled: Type.Boolean({
      default: true,
      description:
        'Offer it to the command line, to clients with `deviceGrant`, and to programs that register themselves for it.',
    }),
    codeLifetime: duration({
      default: '15m',
      description: 'Time for entering the code, signing in and allowing; shorter leaves less to guess.',
    }),
    interval: duration({
      default: '5s',
      description: 'Shortest time between two questions of a program whether the person is done.',
    }),
  },
  {
    additionalProperties: false,
    default: {},
    description:
      'The device grant (RFC 8628): a terminal, script or printer shows a code, which a person enters at `/device` in any browser.',
  },
);

export type DeviceGrantSettings = Type.Static<typeof DeviceGrantSettings>;
