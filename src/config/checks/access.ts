// Checks of who may use a listener: nobody gets in by omission, and no network is so wide that it is the whole world.

import { canonicalAddress, readDomainPattern } from '../../address.ts';
import { createNetworks, type Networks } from '../../network.ts';
import { type Place, quote } from '../fault.ts';
import type { CheckInput } from './check.ts';

/** Prefixes shorter than these hold more machines than any organisation has. */
const WIDEST = { ipv4: 8, ipv6: 20 };
/** Loopback, RFC 1918, RFC 4193, RFC 4291 §2.5.6, RFC 6598: not reachable from outside. */
const PRIVATE = [
  ...['127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', '100.64.0.0/10'],
  ...['::1/128', 'fc00::/7', 'fe80::/10'],
].map(rangeOf);

export function checkListenerAccess(input: CheckInput): void {
  const { listeners, trustedNetworks = [], tls } = input.settings.submission;
  listeners.forEach((listener, index) => {
    const place: Place = ['submission', 'listeners', index];
    if (listener.access === 'trusted-networks') {
      if (trustedNetworks.length === 0) {
        input.findings.fault(
          [...place, 'access'],
          'needs submission.trustedNetworks: without an entry there nobody may use this listener; name your servers’ networks there',
        );
      }
      if (listener.mechanisms !== undefined) {
        input.findings.fault(
          [...place, 'mechanisms'],
          'has no effect: nobody signs in where access is trusted-networks; leave it out',
        );
      }
      checkProxies(input, [...place, 'proxyProtocol', 'from'], listener.proxyProtocol?.from ?? []);
    }
    const asksForCertificate = (listener.clientCertificate ?? 'none') !== 'none';
    if (asksForCertificate && tls?.clientAuthorities === undefined) {
      input.findings.fault(
        [...place, 'clientCertificate'],
        'needs submission.tls.clientAuthorities: the authorities whose certificates count',
      );
    }
  });
  const used = listeners.some(({ access }) => access === 'trusted-networks');
  if (trustedNetworks.length > 0 && !used) {
    input.findings.fault(
      ['submission', 'trustedNetworks'],
      'has no effect: no listener has access: trusted-networks; add one (preset: relay), or leave this out',
    );
  }
}

/** Whom a load balancer names is believed, so it must be the organisation's own. */
function checkProxies(input: CheckInput, place: Place, proxies: readonly string[]): void {
  proxies.forEach((proxy, index) => {
    const prefix = prefixOf(proxy);
    if (prefix < (proxy.includes(':') ? 64 : 24)) {
      input.findings.danger(
        [...place, index],
        `every machine of ${proxy} may say who the client is, and so be any server of submission.trustedNetworks`,
      );
    }
  });
}

export function checkTrustedNetworks(input: CheckInput): void {
  const entries = input.settings.submission.trustedNetworks ?? [];
  const names = new Map<string, number>();
  const held: Held[] = [];
  entries.forEach((entry, index) => {
    const place: Place = ['submission', 'trustedNetworks', index];
    const nameFault = faultOfName(entry.name, names.get(entry.name));
    if (nameFault !== undefined) input.findings.fault([...place, 'name'], nameFault);
    names.set(entry.name, names.get(entry.name) ?? index);
    for (const [position, network] of entry.networks.entries()) {
      const spot: Place = [...place, 'networks', position];
      const fault = faultOfWidth(network) ?? faultOfOverlap({ network, index, held });
      if (fault !== undefined) {
        input.findings.fault(spot, fault);
        continue;
      }
      held.push({ ...rangeOf(network), index });
      if (isOpen(network)) {
        input.findings.danger(
          spot,
          `every machine of ${network}, which is reachable from outside, may send without signing in`,
        );
      }
    }
    entry.sendAs.forEach((text, position) => {
      const fault = faultOfSender(text);
      if (fault !== undefined) input.findings.fault([...place, 'sendAs', position], fault);
    });
  });
}

function faultOfName(name: string, earlier: number | undefined): string | undefined {
  // It stands in the journal and in lists beside other words.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name))
    return `expected a word of letters, digits, ".", "_" and "-", such as "scanners"; found ${quote(name)}`;
  if (earlier === undefined) return undefined;
  return `${quote(name)} is already the name of submission.trustedNetworks[${earlier}]`;
}

interface Range {
  readonly network: string;
  readonly prefix: number;
  readonly addresses: Networks;
}

interface Held extends Range {
  /** Of its entry. */
  readonly index: number;
}

/** The first entry that holds an address counts, so one that is held by an earlier one never does: its limits would be a sham. */
function faultOfOverlap(given: {
  readonly network: string;
  readonly index: number;
  readonly held: readonly Held[];
}): string | undefined {
  const { network, index } = given;
  const other = given.held.find((each) => isWithin(network, each));
  if (other === undefined || (other.index === index && other.network !== network)) return undefined;
  const there = `submission.trustedNetworks[${other.index}]`;
  if (other.network === network) return `${network} stands in ${there} already`;
  return `has no effect, for ${other.network} of ${there} holds it and comes first; put the narrower network in front`;
}

function faultOfSender(text: string): string | undefined {
  if (readDomainPattern(text) !== undefined) return undefined;
  if (canonicalAddress(text) === undefined || text.startsWith('*@')) {
    return `${quote(text)} is neither a mail address such as "scanner@example.org" nor a domain such as "*@example.org"`;
  }
  // It is a valid address, but nobody who writes it means that one.
  return text.includes('*') ? 'a * stands for every address of a domain only: "*@example.org"' : undefined;
}

function faultOfWidth(network: string): string | undefined {
  const widest = network.includes(':') ? WIDEST.ipv6 : WIDEST.ipv4;
  if (prefixOf(network) >= widest) return undefined;
  return `${network} is far more than an organisation has; whoever is in it could send without signing in. Name your own networks, none wider than /${widest}`;
}

/** Many machines, and not of the kind that only neighbours can reach. */
function isOpen(network: string): boolean {
  const few = network.includes(':') ? 48 : 24;
  return prefixOf(network) < few && !PRIVATE.some((range) => isWithin(network, range));
}

/** @param network in its canonical form, as are all */
function isWithin(network: string, other: Range): boolean {
  const first = network.slice(0, network.lastIndexOf('/'));
  return prefixOf(network) >= other.prefix && other.addresses.contains(first);
}

function rangeOf(network: string): Range {
  return { network, prefix: prefixOf(network), addresses: createNetworks([network]) };
}

function prefixOf(network: string): number {
  return Number(network.slice(network.lastIndexOf('/') + 1));
}
