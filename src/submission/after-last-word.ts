// Owns what a client still sends after it has been hung up on: it is read and thrown away, but not without end.

import type { Socket } from 'node:net';

/** Closed with bytes unread, TCP may drop the last reply on its way; who pours on and on makes everybody else wait. */
const MAX_BYTES = 262_144;

/** Reads on until the client closes its side, or `MAX_BYTES` have come: then the connection is cut. */
export function throwAwayRest(socket: Socket): void {
  let left = MAX_BYTES;
  socket.on('data', (bytes: Buffer) => {
    left -= bytes.length;
    if (left < 0) socket.destroy();
  });
}
