// Owns what is known of a connection before its session begins: who came, which place it has, the session's id.

import { randomBytes } from 'node:crypto';
import type { SMTPConnectionOptions } from 'smtp-server/lib/smtp-connection.js';
import type { Incoming } from '../port/port.ts';
import type { Place } from './access/admission.ts';

export interface Arrival extends SMTPConnectionOptions {
  readonly place: Place | undefined;
  /** See {@link Incoming.local}. */
  readonly local: boolean;
}

export function arrivalOf({ peer, local }: Incoming, place: Place | undefined): Arrival {
  return { id: sessionId(), remoteAddress: peer.address, remotePort: peer.port, place, local };
}

/** Sixteen characters of 80 random bits, as smtp-server makes them. */
function sessionId(): string {
  return BigInt(`0x${randomBytes(10).toString('hex')}`)
    .toString(32)
    .padStart(16, '0');
}
