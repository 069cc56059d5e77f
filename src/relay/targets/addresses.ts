// Owns the addresses of a host: as the machine looks names up, or as DNS says for a name that DNS gave.

import { lookup } from 'node:dns/promises';
import { isIPv6 } from 'node:net';
import { type Answer, answerWithin } from './answer.ts';

/** `node:dns` promises: what the machine itself makes of a name, hosts file and search domains included (getaddrinfo). */
export type SystemLookup = (name: string, deadline: number) => Promise<{ address: string }[]>;

export interface AddressResolver {
  resolve4(name: string): Promise<string[]>;
  resolve6(name: string): Promise<string[]>;
}

/** For a name that the operator wrote: whatever `ping` makes of it. */
export function addressesOfHost(
  name: string,
  { system = systemLookup, deadline }: { system?: SystemLookup | undefined; deadline: number },
): Promise<Answer<string[]>> {
  return answerWithin(async () => (await system(name, deadline)).map(({ address }) => address), {
    about: `address of ${name}`,
    deadline,
  });
}

/**
 * For a name that an MX or SRV record gave: it is a whole one, so the hosts file and search domains have no say. IPv4 comes
 * first: it is the one a mail server surely has.
 */
export async function addressesOfRecord(
  name: string,
  { resolver, deadline }: { resolver: AddressResolver; deadline: number },
): Promise<Answer<string[]>> {
  const [four, six] = await Promise.all([
    answerWithin(() => resolver.resolve4(name), { about: `address of ${name}`, deadline }),
    answerWithin(() => resolver.resolve6(name), { about: `address of ${name}`, deadline }),
  ]);
  if (four.outcome === 'found' && six.outcome === 'found')
    return { outcome: 'found', found: [...four.found, ...six.found] };
  if (four.outcome === 'found') return four;
  return six.outcome === 'none' ? four : six;
}

/**
 * The families in turn, beginning with the one that stood first (RFC 8305 §4): where one of them leads nowhere, that costs one
 * attempt. Within a family by chance, so that several addresses share the load.
 */
export function inTurn(addresses: readonly string[], random: () => number): string[] {
  const drawn = addresses
    .map((address) => ({ address, draw: random() }))
    .sort((one, other) => one.draw - other.draw)
    .map(({ address }) => address);
  const firstIsSix = isIPv6(addresses[0] ?? '');
  const first = drawn.filter((address) => isIPv6(address) === firstIsSix);
  const second = drawn.filter((address) => isIPv6(address) !== firstIsSix);
  return Array.from({ length: Math.max(first.length, second.length) }, (_, index) => [
    first[index],
    second[index],
  ])
    .flat()
    .filter((address) => address !== undefined);
}

/**
 * getaddrinfo keeps a thread of libuv's pool, four by default, for as long as a dead name server makes it wait. With all of them
 * gone no token could be verified and no file read, so two are what names may take.
 */
const MAX_THREADS = 2;
let threads = 0;
const queue: (() => void)[] = [];

async function systemLookup(name: string, deadline: number): Promise<{ address: string }[]> {
  if (threads < MAX_THREADS) threads += 1;
  else await new Promise<void>((resolve) => queue.push(resolve));
  try {
    // Nobody waits any more: whoever came later must not wait for this one, too.
    if (performance.now() > deadline) return [];
    return await lookup(name, { all: true, order: 'verbatim' });
  } finally {
    const next = queue.shift();
    if (next) next();
    else threads -= 1;
  }
}
