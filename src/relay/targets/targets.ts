// Owns which host and port a connection to an upstream goes to, in which order, and which of them is left alone for a while.

import { type Refusal, refuse } from '../../refusal.ts';
import { inTurn, type SystemLookup } from './addresses.ts';
import { asAsked, withoutFinalDot } from './host-name.ts';
import { keepAnswer } from './kept-answer.ts';
import { type Located, locate, type TargetResolver, type TargetSettings } from './located.ts';
import { inOrder } from './order.ts';
import { createResting } from './resting.ts';

export type { SystemLookup, TargetResolver, TargetSettings };

/** Where to connect to. */
export interface Target {
  /** An IPv4 or IPv6 address, never a name: each address of a name is a target, so that a dead one fails over. */
  readonly host: string;
  readonly port: number;
  /**
   * What its certificate must bear: `serverName` of the settings, else the name of the server, in A-labels and without a final dot. With
   * `lookup: address` the operator wrote that name. With `mx` and `srv` an answer of DNS gave it, in general unsigned: whoever forges
   * that answer names a server of his own, with a good certificate of its own, and gets mail and login (RFC 6186 §6 has a
   * person asked for that reason; RFC 7672 §2.2.1 takes the name only from a signed answer; RFC 8461 §4.1 holds it against a policy).
   * With `serverName` set DNS decides nothing but which address is tried. It is an address where the operator wrote one as
   * `host`: checked as such, never sent as SNI (RFC 6066 §3).
   */
  readonly serverName: string;
}

export interface Targets {
  /**
   * What to try for one new connection, in this order; a call means that a connection is wanted. Each call draws anew. At most
   * 20, at least one, those that rest at the end. `upstream-unavailable` where DNS knows none or never answered. Takes up
   * to 5 s, 1.8 s where an older answer is at hand. Never rejects.
   */
  candidates(): Promise<Target[] | Refusal>;
  /** It did not connect, or was no mail server: rests for 5 s, then twice as long each time, up to 5 minutes. */
  failed(target: Target): void;
  /** It connected and greeted. */
  succeeded(target: Target): void;
}

const MAX_TARGETS = 20;

/**
 * @param options.resolver asked for MX and SRV records and for the addresses of the hosts in them; the machine's name servers
 * @param options.system finds the addresses of the host that the operator wrote; getaddrinfo
 * @param options.now milliseconds of a clock that only goes forward
 * @param options.random uniform in [0, 1)
 */
export function createTargets(options: {
  settings: TargetSettings;
  resolver?: TargetResolver | undefined;
  system?: SystemLookup | undefined;
  now?: () => number;
  random?: () => number;
}): Targets {
  const { settings, resolver, system, random = Math.random, now = () => performance.now() } = options;
  const located = keepAnswer<Located[]>({
    ask: (older) => locate(settings, { resolver, system, random, older }),
    now,
  });
  const resting = createResting({ now });

  const asTargets = (server: Located): Target[] =>
    inTurn(server.addresses, random).map((host) => ({
      host,
      port: server.port,
      serverName: borneName(settings.serverName ?? server.name),
    }));

  return {
    async candidates() {
      const answer = await located();
      if (answer.outcome !== 'found') return refuse('upstream-unavailable', answer.reason);
      const targets = inOrder(answer.found, (server) => server, random).flatMap(asTargets);
      // Two records may name the same: once dead, it need not be tried twice.
      const each = [...new Map(targets.map((target) => [keyOf(target), target])).values()];
      return resting.healthyFirst(each, keyOf).slice(0, MAX_TARGETS);
    },
    failed: (target) => resting.failed(keyOf(target)),
    succeeded: (target) => resting.succeeded(keyOf(target)),
  };
}

/** The same machine twice under two names is two: its certificate may be right for one of them only. */
function keyOf({ host, port, serverName }: Target): string {
  return `${host} ${port} ${serverName}`;
}

function borneName(name: string): string {
  return withoutFinalDot(asAsked(name) ?? name);
}
