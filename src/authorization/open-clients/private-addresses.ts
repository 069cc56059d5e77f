// Owns which addresses Postern never fetches a stranger's document from: everything that is not the public Internet.

import { isIPv4 } from 'node:net';
import { canonicalPeer, createNetworks } from '../../network.ts';

// The registries of special-purpose addresses (RFC 6890), and multicast.
const NOT_PUBLIC_IPV4 = createNetworks([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
]);

// RFC 4291 §2.4: what is not in 2000::/3 is loopback, link-local, unique-local, multicast, an IPv4 address in disguise
// (::a.b.c.d), one behind NAT64 (64:ff9b::/96, 64:ff9b:1::/48), or not given out. ::ffff:a.b.c.d is judged as IPv4.
const GLOBAL_IPV6 = createNetworks(['2000::/3']);
// Within it: protocol assignments with Teredo and ORCHID, documentation, and 6to4, which carries an IPv4 address.
const NOT_PUBLIC_IPV6 = createNetworks([
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
  '2620:4f:8000::/48',
]);

/** Whether an address, as a resolver or a socket tells it, belongs to the public Internet; false for what is no address. */
export function isPublicAddress(address: string): boolean {
  const plain = canonicalPeer(address);
  if (plain.includes(':')) return GLOBAL_IPV6.contains(plain) && !NOT_PUBLIC_IPV6.contains(plain);
  return isIPv4(plain) && !NOT_PUBLIC_IPV4.contains(plain);
}
