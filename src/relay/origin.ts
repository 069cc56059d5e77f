// Owns what the relay is told of whoever hands a message over: for the choice of an upstream, and for what that is told.

import type { Principal } from '../principal.ts';
import type { Secret } from '../setting.ts';

/** The mail client, as Postern knows it itself; never as it says in an XCLIENT of its own. */
export interface ClientConnection {
  /** Its address, canonical; behind a load balancer the one that the PROXY header names. */
  readonly address: string;
  /** Its port; undefined where a load balancer does not say. */
  readonly port: number | undefined;
  /** EHLO argument; undefined before EHLO. */
  readonly name: string | undefined;
  readonly protocol: 'ESMTP' | 'SMTP';
}

export interface Origin {
  /** Name of the listener that the client has connected to. */
  readonly listener: string;
  /** Who sends; undefined before the sign-in. */
  readonly principal: Principal | undefined;
  readonly client: ClientConnection;
  /** The access token that the client has signed in with, for upstreams that take it or one exchanged for it. */
  readonly token: Secret | undefined;
}
