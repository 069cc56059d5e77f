// Noun: a set of IP networks, as an operator writes it and a peer is judged by it.

import { BlockList, isIP, isIPv4, isIPv6, SocketAddress } from 'node:net';

/** Networks to look an address up in. */
export interface Networks {
  /** Any text: an address of one of the networks, in whatever form a socket tells it, or else false. */
  contains(address: string): boolean;
  /** Each as `10.0.0.0/8`, `2001:db8::/32`. */
  readonly texts: readonly string[];
}

/** The canonical text of a network, or what is wrong with the one written, in words that say what to write instead. */
export type NetworkReading = { readonly network: string } | { readonly fault: string };

/** `10.0.0.0/8`, `2001:db8::/32`, or one address of either kind, which becomes a network of one. */
export function readNetwork(text: string): NetworkReading {
  const [, address = '', length] = /^([0-9A-Fa-f.:]+)(?:\/(0|[1-9][0-9]{0,2}))?$/.exec(text) ?? [];
  const width = isIPv4(address) ? 32 : 128;
  const prefix = length === undefined ? width : Number(length);
  if (isIP(address) === 0) {
    return {
      fault: `${JSON.stringify(text)} is not a network; write an address such as 10.1.2.3 or 2001:db8::1, or a network such as 10.0.0.0/8 or 2001:db8::/32`,
    };
  }
  if (prefix > width) {
    return {
      fault: `${text} has a prefix of ${prefix} bits; an IPv${width === 32 ? 4 : 6} address has ${width}`,
    };
  }
  const host = BigInt(width - prefix);
  const network = (toNumber(address) >> host) << host;
  const canonical = `${toText(network, width)}/${prefix}`;
  // RFC 4291 §2.5.5.2: peers with such an address are judged as IPv4, so this network would never hold any of them.
  if (width === 128 && network >> 32n === 0xffffn) {
    return {
      fault: `${text} is an IPv4 network in IPv6 form; write ${toText(network & 0xffff_ffffn, 32)}/${prefix - 96}`,
    };
  }
  // Which one was meant, the network or the one address, only the operator knows; guessing could trust 16 million machines.
  if (network !== toNumber(address)) {
    return {
      fault: `${text} has bits set beyond its prefix; write ${canonical} for the network, or ${address} for the one address`,
    };
  }
  return { network: canonical };
}

/**
 * IPv4 and IPv6 are apart: `::/0` holds no IPv4 peer, also not one that a dual-stack socket tells as `::ffff:10.0.0.1`.
 * @throws Error on a text that {@link readNetwork} finds fault with
 */
export function createNetworks(texts: readonly string[]): Networks {
  // Two lists, because one would find 10.0.0.1 in ::/0: BlockList compares across families.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  const canonical = texts.map((text) => {
    const reading = readNetwork(text);
    if ('fault' in reading) throw new Error(reading.fault);
    const [address = '', prefix] = reading.network.split('/');
    const family = familyOf(address);
    lists[family].addSubnet(address, Number(prefix), family);
    return reading.network;
  });
  return {
    texts: canonical,
    contains(address) {
      const peer = canonicalPeer(address);
      if (isIP(peer) === 0) return false;
      const family = familyOf(peer);
      return lists[family].check(peer, family);
    },
  };
}

/**
 * One text for one peer, to count and compare by: IPv4 where a dual-stack socket says `::ffff:10.0.0.1`, IPv6 as short
 * as RFC 5952 has it, without the zone (`fe80::1%eth0`). What is not an address comes back unchanged.
 */
export function canonicalPeer(address: string): string {
  const unzoned = address.replace(/%.*$/s, '');
  if (!isIPv6(unzoned)) return address;
  const text = new SocketAddress({ address: unzoned, family: 'ipv6' }).address;
  return /^::ffff:([0-9.]+)$/.exec(text)?.[1] ?? text;
}

/**
 * What one client can call its own, to count by: an IPv4 address, or of an IPv6 address the four groups of its /64
 * (RFC 6177 §2), in which it has any number.
 */
export function clientNetwork(address: string): string {
  const peer = canonicalPeer(address);
  if (!isIPv6(peer)) return peer;
  const front = toNumber(peer) >> 64n;
  return [48n, 32n, 16n, 0n].map((shift) => ((front >> shift) & 0xffffn).toString(16)).join(':');
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIPv4(address) ? 'ipv4' : 'ipv6';
}

function toNumber(address: string): bigint {
  if (isIPv4(address)) return joined(address.split('.').map(Number), 8n);
  // RFC 4291 §2.2: the last four bytes may be written as IPv4.
  const [, head = '', tail = ''] = /^(.*:)([0-9.]*\.[0-9.]*)$/.exec(address) ?? [];
  if (tail !== '') {
    const low = toNumber(tail);
    return toNumber(`${head}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`);
  }
  const [left = [], right = []] = address.split('::').map((half) =>
    half
      .split(':')
      .filter((group) => group !== '')
      .map((group) => Number.parseInt(group, 16)),
  );
  return joined([...left, ...new Array(8 - left.length - right.length).fill(0), ...right], 16n);
}

function joined(groups: readonly number[], bits: bigint): bigint {
  return groups.reduce((number, group) => (number << bits) | BigInt(group), 0n);
}

function toText(number: bigint, width: number): string {
  const bits = width === 32 ? 8n : 16n;
  const groups = Array.from({ length: width === 32 ? 4 : 8 }, (_, index) => {
    const shift = BigInt(width) - bits * BigInt(index + 1);
    return Number((number >> shift) & ((1n << bits) - 1n));
  });
  if (width === 32) return groups.join('.');
  const address = groups.map((group) => group.toString(16)).join(':');
  return new SocketAddress({ address, family: 'ipv6' }).address;
}
