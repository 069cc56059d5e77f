// Owns which upstreams a message may go to, by who sends it, as whom, and where it came in (`routes` of the settings), and which
// ones where no route holds.

import { isOfDomain, readDomainPattern, sameAddress } from '../address.ts';
import type { Origin } from './origin.ts';
import type { NamedUpstreamSettings, RelaySettings, RouteSettings, UpstreamSettings } from './settings.ts';

/** `id` of the upstream of the section `upstream`. */
const MAIN = 'upstream';

/** Every upstream of the settings, in their order. */
export function listUpstreams({
  upstream,
  upstreams,
}: Pick<RelaySettings, 'upstream' | 'upstreams'>): Listed[] {
  return [...(upstream ? [{ ...upstream, id: MAIN, priority: 0, weight: 1 }] : []), ...upstreams];
}

type Listed = UpstreamSettings & Pick<NamedUpstreamSettings, 'id' | 'priority' | 'weight'>;

export interface Routing {
  /**
   * `id` of the upstreams that a message may go to, in the order of the settings.
   * @param given.sender the envelope sender, empty for the null reverse-path
   */
  ofMessage(given: { origin: Origin; sender: string }): readonly string[];
  /** ... and of those that some message of the session may go to, as far as is known by now. */
  ofSession(origin: Origin): readonly string[];
}

/** By the first route of which every condition holds. Where none does: to `upstream`, or where there is none to all of `upstreams`. */
export function createRouting(settings: RelaySettings): Routing {
  const { routes } = settings;
  const all = listUpstreams(settings).map(({ id }) => id);
  const unrouted = settings.upstream ? [MAIN] : all;
  return {
    ofMessage(given) {
      const ids = routeOf(routes, given) ?? unrouted;
      return all.filter((id) => ids.includes(id));
    },
    ofSession(origin) {
      const { upstreams, complete } = routesOfSession(routes, origin);
      return all.filter((id) => upstreams.has(id) || (!complete && unrouted.includes(id)));
    },
  };
}

/**
 * `id` of the upstreams of the first route whose every condition holds; undefined where none does.
 * @param sender the envelope sender, empty for the null reverse-path
 */
export function routeOf(
  routes: readonly RouteSettings[],
  given: { origin: Origin; sender: string },
): readonly string[] | undefined {
  return routes.find((route) => judge(route, given) === 'holds')?.upstreams;
}

/**
 * Every upstream that some message of the session may go to, as far as is known by now: `id` of the upstreams, and whether all
 * of its messages have a route.
 */
export function routesOfSession(
  routes: readonly RouteSettings[],
  origin: Origin,
): { readonly upstreams: ReadonlySet<string>; readonly complete: boolean } {
  const upstreams = new Set<string>();
  for (const route of routes) {
    const judged = judge(route, { origin, sender: undefined });
    if (judged === 'fails') continue;
    for (const id of route.upstreams) upstreams.add(id);
    if (judged === 'holds') return { upstreams, complete: true };
  }
  return { upstreams, complete: false };
}

type Judged = 'holds' | 'fails' | 'open';

/** `open`: what is not known yet decides. */
function judge(
  route: RouteSettings,
  { origin, sender }: { origin: Origin; sender: string | undefined },
): Judged {
  const { principal, listener } = origin;
  const each: Judged[] = [
    condition(route.listeners, listener, (name) => name === listener),
    condition(route.senders, sender, (pattern) => isSender(pattern, sender ?? '')),
    condition(route.groups, principal, (group) => principal?.groups.includes(group) === true),
    condition(route.clients, principal, (client) => principal?.clientId === client),
    condition(
      route.users,
      principal,
      (user) =>
        principal?.subject === user ||
        principal?.addresses.some((address) => sameAddress(address, user)) === true,
    ),
  ];
  if (each.includes('fails')) return 'fails';
  return each.includes('open') ? 'open' : 'holds';
}

function condition(
  wanted: readonly string[] | undefined,
  known: unknown,
  holds: (wanted: string) => boolean,
): Judged {
  if (wanted === undefined) return 'holds';
  if (known === undefined) return 'open';
  return wanted.some(holds) ? 'holds' : 'fails';
}

function isSender(pattern: string, sender: string): boolean {
  const domain = readDomainPattern(pattern);
  return domain === undefined ? sameAddress(pattern, sender) : isOfDomain(sender, domain);
}
