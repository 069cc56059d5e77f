// Owns the upstreams as the submission door sees them: begin a transaction at one of them, ask what they can do, are they there.

import type { Path } from '../envelope.ts';
import { isRefusal, type Refusal } from '../refusal.ts';
import { type Capabilities, inCommon } from './connection/capabilities.ts';
import { tryInTurn, withFailover } from './failover.ts';
import type { TokenSource } from './login/token-source.ts';
import type { Origin } from './origin.ts';
import { needsUserToken } from './pool/account.ts';
import { UsageBook } from './pool/usage.ts';
import { createRouting, listUpstreams } from './route.ts';
import type { RelaySettings, UpstreamSettings } from './settings.ts';
import { inOrder } from './targets/order.ts';
import type { RelayTransaction } from './transaction/transaction.ts';
import { type Begun, Upstream } from './upstream.ts';

export type { Begun } from './upstream.ts';

/** An upstream can be used again, or cannot any more. */
export interface UpstreamChange {
  /** Its `id`; `upstream` for the one that has none. */
  readonly upstream: string;
  /** Why not. */
  readonly down: Refusal | undefined;
}

export interface Relay {
  /**
   * Puts MAIL to the upstreams that the message may go to, one after the other until one takes it. Refuses `upstream-unavailable`,
   * `-timeout`, `-lost`, `-busy`, `-limit`, `-login`, `-protocol` and, where the upstream lacks what the message needs, as in
   * `parameters.ts`; an upstream's own 4xx and 5xx are replies, not refusals.
   */
  begin(mailFrom: Path, origin: Origin): Promise<Begun | Refusal>;
  /** What every upstream offers that a message of this origin may go to; undefined before the first contact. */
  capabilities(origin: Origin): Capabilities | undefined;
  /** The same, after asking anew where that may have changed; takes two seconds at most. */
  currentCapabilities(origin: Origin): Promise<Capabilities | undefined>;
  /** True where some upstream is signed in to with what {@link Origin.token} holds. */
  readonly needsUserToken: boolean;
  /** Speaks with the upstreams where that was not done of late; undefined where one of them is there. */
  probe(): Promise<Refusal | undefined>;
  /** From now on they are looked after even while no mail comes. */
  watch(): void;
  /** Told at each change between usable and not. */
  onChange(listener: (change: UpstreamChange) => void): void;
  close(): void;
}

/**
 * @param options.hostname the name given in EHLO where the settings name none
 * @param options.tokens makes what fetches access tokens, for upstreams that are signed in to with them
 * @param options.usage what other relays have in use of the same mail servers counts too: of those before and after a reload
 * @param options.random uniform in [0, 1); decides among upstreams of the same priority
 */
export function createRelay(options: {
  settings: RelaySettings;
  hostname: string;
  tokens?: (settings: NonNullable<UpstreamSettings['oauth']>, upstream: string) => TokenSource;
  usage?: UsageBook;
  random?: () => number;
}): Relay {
  const { hostname, tokens, usage = new UsageBook(), random = Math.random } = options;
  const routing = createRouting(options.settings);
  const listed = listUpstreams(options.settings).map((settings) => {
    const { id, priority, weight, name = hostname, oauth } = settings;
    return new Upstream({
      ...{ id, priority, weight, settings, name },
      tokens: oauth && tokens?.(oauth, id),
      usage: usage.of(settings),
    });
  });

  /** In the order in which to try them: failing ones only behind all that are well. */
  function candidates(mailFrom: Path, origin: Origin): Upstream[] {
    const ids = routing.ofMessage({ origin, sender: mailFrom.address });
    const able = listed.filter(({ id }) => ids.includes(id));
    if (able.length === 1) return able;
    const ordered = inOrder(able, (upstream) => upstream, random);
    return [...ordered.filter(({ down }) => !down), ...ordered.filter(({ down }) => down)];
  }

  function ofSession(origin: Origin): Upstream[] {
    const ids = routing.ofSession(origin);
    return listed.filter(({ id }) => ids.includes(id));
  }

  async function begin(mailFrom: Path, origin: Origin): Promise<Begun | Refusal> {
    const left = candidates(mailFrom, origin);
    const [only] = left;
    if (only && left.length === 1) return only.begin(mailFrom, origin, { maxWait: only.settings.maxWait });
    const outcome = await tryInTurn(left, { mailFrom, origin, patient: true });
    if (isRefusal(outcome) || !outcome.transaction) return outcome;
    const another = async (): Promise<RelayTransaction | undefined> => {
      // The envelope so far is repeated in the client's time: an upstream that is known to fail gets none of it.
      const well = left.splice(0).filter(({ down }) => !down);
      const next = await tryInTurn(well, { mailFrom, origin, patient: false });
      left.push(...well);
      return isRefusal(next) ? undefined : next.transaction;
    };
    return { ...outcome, transaction: withFailover(outcome.transaction, another) };
  }

  return {
    begin,
    capabilities: (origin) => inCommon(ofSession(origin).map(({ capabilities }) => capabilities)),
    async currentCapabilities(origin) {
      return inCommon(await Promise.all(ofSession(origin).map((each) => each.currentCapabilities())));
    },
    needsUserToken: listed.some(({ settings }) => needsUserToken(settings)),
    async probe() {
      const outcomes = await Promise.all(listed.map((upstream) => upstream.probe()));
      return outcomes.includes(undefined) ? undefined : outcomes[0];
    },
    watch() {
      for (const upstream of listed) upstream.watch();
    },
    onChange(listener) {
      for (const upstream of listed) upstream.onChange((down) => listener({ upstream: upstream.id, down }));
    },
    close() {
      for (const upstream of listed) upstream.close();
    },
  };
}
