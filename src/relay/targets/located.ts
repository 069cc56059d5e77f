// Owns the way from a host setting to servers: by its address, its MX records or its SRV records, with the addresses of each.

import { Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';
import { portOf } from '../settings.ts';
import { type AddressResolver, addressesOfHost, addressesOfRecord, type SystemLookup } from './addresses.ts';
import { type Answer, answerWithin } from './answer.ts';
import { asAsked, isHostName, withoutFinalDot } from './host-name.ts';
import { inOrder } from './order.ts';

/** What `node:dns/promises` has, as far as it is asked here. */
export interface TargetResolver extends AddressResolver {
  resolveMx(name: string): Promise<{ exchange: string; priority: number }[]>;
  resolveSrv(name: string): Promise<{ name: string; port: number; priority: number; weight: number }[]>;
}

/** One server by its name, with where it is to be found. */
export interface Located {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
  readonly addresses: readonly string[];
}

export interface TargetSettings {
  readonly host: string;
  readonly port?: number | undefined;
  readonly lookup: 'address' | 'mx' | 'srv';
  readonly tls: 'starttls' | 'implicit' | 'opportunistic' | 'none';
  readonly serverName?: string | undefined;
}

interface Means {
  readonly resolver: TargetResolver;
  readonly system: SystemLookup | undefined;
  readonly random: () => number;
  /** What was found the last time. */
  readonly older: readonly Located[] | undefined;
  /** `performance.now()` */
  readonly deadline: number;
}

/** For one look at DNS: every question in it together. */
const LIMIT = 5_000;
/** Names of servers that are looked up at most, and addresses of each: who answers for the zone must not set our work. */
const MAX_NAMES = 20;
const MAX_ADDRESSES = 8;

type Server = Omit<Located, 'addresses'>;

/** Never rejects. A literal address stays one, whatever the lookup. */
export async function locate(
  settings: TargetSettings,
  {
    resolver,
    ...rest
  }: Pick<Means, 'system' | 'random' | 'older'> & { resolver: TargetResolver | undefined },
): Promise<Answer<Located[]>> {
  // A new one each time reads anew which name servers the machine has.
  const own = resolver === undefined ? new Resolver({ timeout: 1_500, tries: 2 }) : undefined;
  const means = { ...rest, resolver: resolver ?? (own as TargetResolver) };
  try {
    return await ways[settings.lookup](settings, { ...means, deadline: performance.now() + LIMIT });
  } finally {
    own?.cancel();
  }
}

const ways = { address: byAddress, mx: byMx, srv: bySrv } satisfies Record<
  TargetSettings['lookup'],
  (settings: TargetSettings, means: Means) => Promise<Answer<Located[]>>
>;

async function byAddress(settings: TargetSettings, means: Means): Promise<Answer<Located[]>> {
  const host = asAsked(settings.host);
  if (host === undefined) return noName(settings.host);
  const server = { name: withoutFinalDot(host), port: portOf(settings), priority: 0, weight: 0 };
  if (isIP(host) !== 0) return { outcome: 'found', found: [{ ...server, addresses: [host] }] };
  const answer = await addressesOfHost(host, means);
  if (answer.outcome !== 'found') return withAdvice(answer, 'check the spelling of `host`');
  return { outcome: 'found', found: [{ ...server, addresses: answer.found.slice(0, MAX_ADDRESSES) }] };
}

async function byMx(settings: TargetSettings, means: Means): Promise<Answer<Located[]>> {
  const domain = asAsked(settings.host);
  if (domain === undefined) return noName(settings.host);
  if (isIP(domain) !== 0) return byAddress(settings, means);
  const about = `MX record of ${domain}`;
  const answer = await answerWithin(() => means.resolver.resolveMx(domain), {
    about,
    deadline: means.deadline,
  });
  // RFC 5321 §5.1: without any MX record the domain itself is the mail server.
  if (answer.outcome === 'none')
    return withAdvice(await byAddress(settings, means), 'it has no MX record either');
  if (answer.outcome === 'unanswered') return answer;
  const servers = answer.found
    .map(({ exchange, priority }) => ({ name: exchange, priority, weight: 0, port: portOf(settings) }))
    .filter(({ name }) => !isRoot(name));
  if (servers.length === 0)
    return {
      outcome: 'none',
      reason: `${domain} takes no mail at all (null MX, RFC 7505); name the mail server itself with \`lookup: address\``,
    };
  return withAddresses(servers, about, means);
}

async function bySrv(settings: TargetSettings, means: Means): Promise<Answer<Located[]>> {
  const domain = asAsked(settings.host);
  if (domain === undefined || isIP(domain) !== 0) return noName(settings.host);
  // RFC 8314 §5.1: `_submissions` is submission with implicit TLS; RFC 6186 §3.1: `_submission` is the other.
  const label = settings.tls === 'implicit' ? '_submissions' : '_submission';
  const name = domain.startsWith('_') ? domain : `${label}._tcp.${domain}`;
  const about = `SRV record ${name}`;
  const answer = await answerWithin(() => means.resolver.resolveSrv(name), {
    about,
    deadline: means.deadline,
  });
  if (answer.outcome !== 'found')
    return withAdvice(answer, 'check `host`, or name the mail server itself with `lookup: address`');
  const servers = answer.found.filter((record) => !isRoot(record.name));
  // RFC 2782, "Target": a single "." says it.
  if (servers.length === 0)
    return {
      outcome: 'none',
      reason: `${name} says that the service is decidedly not available at this domain (RFC 2782); name the mail server itself with \`lookup: address\``,
    };
  return withAddresses(
    servers.filter(({ port }) => port > 0),
    about,
    means,
  );
}

/** Those whose addresses cannot be had, now or from the last time, are left out as long as there is another. */
async function withAddresses(
  servers: readonly Server[],
  about: string,
  means: Means,
): Promise<Answer<Located[]>> {
  const usable = servers
    .map((server) => ({ ...server, name: withoutFinalDot(server.name.toLowerCase()) }))
    .filter(({ name }) => isHostName(name));
  if (usable.length === 0)
    return { outcome: 'none', reason: `the ${about} names no usable host; it must be mended in DNS` };
  const chosen = inOrder(usable, (server) => server, means.random).slice(0, MAX_NAMES);
  const answers = await Promise.all(chosen.map(({ name }) => addressesOfRecord(name, means)));
  const located = chosen.flatMap((server, index) => {
    const answer = answers[index];
    const known = means.older?.find(({ name }) => name === server.name)?.addresses;
    const addresses =
      answer?.outcome === 'found' ? answer.found : answer?.outcome === 'unanswered' ? known : undefined;
    return addresses ? [{ ...server, addresses: addresses.slice(0, MAX_ADDRESSES) }] : [];
  });
  if (located.length > 0) return { outcome: 'found', found: located };
  const worst = answers.find(({ outcome }) => outcome === 'unanswered') ?? answers[0];
  const reason = worst !== undefined && 'reason' in worst ? worst.reason : '';
  return { outcome: worst?.outcome === 'unanswered' ? 'unanswered' : 'none', reason: `${reason} (${about})` };
}

/** node has both forms for the root. */
const isRoot = (name: string): boolean => name === '' || name === '.';

function noName(host: string): Answer<never> {
  const shown = host.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
  return {
    outcome: 'none',
    reason: `\`host\` of the upstream (${shown}) is no name that its lookup can use; write a host name such as mail.example.org`,
  };
}

function withAdvice<T>(answer: Answer<T>, advice: string): Answer<T> {
  return answer.outcome === 'none' ? { ...answer, reason: `${answer.reason}; ${advice}` } : answer;
}
