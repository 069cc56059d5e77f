// Owns the way in without signing in: a server of a trusted network, on a listener that is for such servers only.

import { principalName } from '../../principal.ts';
import { isRefusal, type Refusal, refuse } from '../../refusal.ts';
import type { Door, Wire } from '../door.ts';
import { TRUSTED_NETWORK, type TrustedNetwork } from './trusted-networks.ts';

/**
 * Called once, before the greeting. Undefined where the listener asks for a sign-in; refuses `network-not-trusted` and
 * `too-many-connections`.
 */
export function enterByNetwork(door: Door, wire: Wire): TrustedNetwork | Refusal | undefined {
  if (wire.listener.access !== 'trusted-networks') return undefined;
  const verdict = admit(door, wire);
  const of = { session: wire.id, peer: wire.peer, mechanism: TRUSTED_NETWORK };
  if (isRefusal(verdict)) {
    door.audit.loginFailed({ ...of, userName: undefined, code: verdict.code, reason: verdict.reason });
    return verdict;
  }
  const { principal } = verdict;
  door.audit.loginSucceeded({
    ...of,
    user: principalName(principal),
    client: undefined,
    issuer: principal.issuer,
    tokenId: undefined,
    tls: undefined,
  });
  return verdict;
}

function admit(door: Door, wire: Wire): TrustedNetwork | Refusal {
  // Else a proxy inside a trusted network would lend its trust to whoever can make it say UNKNOWN or LOCAL.
  if (wire.local) return refuse('network-not-trusted', `${wire.peer} does not say for whom it speaks`);
  const trusted = door.trustedNetworks.find(wire.peer);
  if (!trusted) return refuse('network-not-trusted', `${wire.peer} is in none of submission.trustedNetworks`);
  const { name, maxConnections } = trusted.settings;
  if (door.isRevoked(trusted.principal)) return refuse('network-not-trusted', `${name} has been revoked`);
  if (wire.signedIn(`${TRUSTED_NETWORK} ${name}`, maxConnections)) return trusted;
  return refuse('too-many-connections', `${name} has ${maxConnections} connections already`);
}
