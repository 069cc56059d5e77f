// Owns what can be told of an origin: the attributes of XCLIENT and XFORWARD, each with a value whether it is known or not.

import { isIPv4, isIPv6 } from 'node:net';
import { NETWORK_ISSUER, type Principal, principalName } from '../../principal.ts';
import { type Refusal, refuse } from '../../refusal.ts';
import type { Origin } from '../origin.ts';
import { xtext } from './xtext.ts';

/** In xtext. Every one has a value: what is left out would stay as it was said for somebody else. */
export type Attributes = Readonly<
  Record<'NAME' | 'REVERSE_NAME' | 'LOGIN' | 'PROTO' | 'PORT' | 'HELO' | 'ADDR', string>
>;

export const UNAVAILABLE = '[UNAVAILABLE]';

/** XCLIENT_README, note 1; Postfix counts the characters of the xtext. */
const MAX_VALUE = 255;

/** Refuses `upstream-login` where the user's name is longer than the upstream takes: cut short it would be somebody else's. */
export function attributesOf({ principal, client }: Origin): Attributes | Refusal {
  const login = (hasSignedIn(principal) && xtext(principalName(principal))) || UNAVAILABLE;
  if (login.length > MAX_VALUE) {
    return refuse(
      'upstream-login',
      `the user’s name is longer than the ${MAX_VALUE} characters that LOGIN= may have`,
    );
  }
  const helo = xtext(client.name ?? '');
  return {
    // Nobody has looked the client's name up. Postern's own, with the client's address, would be a lie that may open doors.
    NAME: UNAVAILABLE,
    REVERSE_NAME: UNAVAILABLE,
    LOGIN: login,
    PROTO: client.protocol,
    PORT: client.port === undefined ? UNAVAILABLE : String(client.port),
    HELO: helo === '' || helo.length > MAX_VALUE ? UNAVAILABLE : helo,
    ADDR: addressOf(client.address),
  };
}

/** A server that is let in for its network's sake has not signed in, and the upstream is not told that it had. */
export function hasSignedIn(principal: Principal | undefined): principal is Principal {
  return principal !== undefined && principal.issuer !== NETWORK_ISSUER;
}

function addressOf(address: string): string {
  if (isIPv4(address)) return address;
  return isIPv6(address) ? xtext(`IPV6:${address}`) : UNAVAILABLE;
}
