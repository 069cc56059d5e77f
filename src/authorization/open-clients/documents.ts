// Owns the documents that programs have about themselves: kept for as long as their servers say within bounds, fetched once
// however many ask, and not more often than a host, a network and Postern itself can bear.

import { createFloodGate } from '../flood.ts';
import { type DescribedClient, readDocument } from './document.ts';
import { readDocumentAddress } from './document-address.ts';
import { DocumentFailed, type FetchDocument } from './document-fetch.ts';
import type { ClientMetadataDocumentSettings } from './settings.ts';

/** Why a document could not be used; `detail` is for the journal. */
export interface NoDocument {
  /** Whether the same request may work later. */
  readonly mayComeBack: boolean;
  readonly detail: string;
}

export interface Documents {
  /** Undefined where the text is no address of a document, or not one that may be fetched. */
  find(clientId: string, peer: string): Promise<DescribedClient | NoDocument> | undefined;
}

export interface DocumentsOptions {
  readonly settings: ClientMetadataDocumentSettings;
  readonly fetch: FetchDocument;
  /** Postern's own host: a document there would have it ask itself. */
  readonly ownHost: string;
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
}

interface Kept {
  readonly client: DescribedClient;
  /** Milliseconds since the epoch. */
  readonly freshUntil: number;
  readonly fetchedAt: number;
}

const MAX_KEPT = 200;
const MAX_FETCHES = 16;
/** Milliseconds. A shorter word of the server's would have each click fetch anew, a longer one outlive a correction. */
const [LEAST_AGE, MOST_AGE, USUAL_AGE] = [60_000, 86_400_000, 3_600_000];
/** An old one is better than none while its server is away: programs renew their tokens day and night. */
const LONGEST_STALE = 7 * 86_400_000;
/** After a failure the address is left alone for so long. Nothing else of the failure is kept (draft-02 §5.2). */
const REST = 15_000;
const PER_HOST = { burst: 10, refill: 6000 };
const PER_NETWORK = { burst: 30, refill: 4000 };
const ALTOGETHER = { burst: 120, refill: 500 };

export function isUnusable(found: DescribedClient | NoDocument): found is NoDocument {
  return 'mayComeBack' in found;
}

export function createDocuments(options: DocumentsOptions): Documents {
  const { settings, ownHost, now = Date.now } = options;
  const kept = new Map<string, Kept>();
  const resting = new Map<string, { readonly until: number; readonly why: NoDocument }>();
  const underWay = new Map<string, Promise<Kept | NoDocument>>();
  const gates = {
    network: createFloodGate(now, PER_NETWORK),
    host: createFloodGate(now, PER_HOST),
    all: createFloodGate(now, ALTOGETHER),
  };

  async function fetchOnce(address: URL): Promise<Kept | NoDocument> {
    try {
      const { text, maxAge } = await options.fetch(address);
      const age = Math.min(MOST_AGE, Math.max(LEAST_AGE, maxAge === undefined ? USUAL_AGE : maxAge * 1000));
      const read = readDocument(text, { address, redirectPatterns: settings.redirectPatterns });
      // Draft-02 §5.2: what is not valid is not kept.
      if ('fault' in read) return rest(address, { mayComeBack: false, detail: `document ${read.fault}` });
      const made = { client: read, freshUntil: now() + age, fetchedAt: now() };
      keepNewest(kept, address.href, made);
      return made;
    } catch (error) {
      if (!(error instanceof DocumentFailed)) throw error;
      return rest(address, { mayComeBack: error.mayComeBack, detail: `document ${error.message}` });
    }
  }

  function rest(address: URL, why: NoDocument): NoDocument {
    keepNewest(resting, address.href, { until: now() + REST, why });
    return why;
  }

  async function get(address: URL, peer: string): Promise<Kept | NoDocument> {
    const before = kept.get(address.href);
    if (before !== undefined && before.freshUntil > now()) return before;
    const fetched = await getAnew(address, peer);
    if ('client' in fetched) return fetched;
    if (!fetched.mayComeBack) kept.delete(address.href);
    const isGoodEnough =
      before !== undefined && fetched.mayComeBack && now() - before.fetchedAt < LONGEST_STALE;
    return isGoodEnough ? before : fetched;
  }

  function getAnew(address: URL, peer: string): Promise<Kept | NoDocument> | NoDocument {
    const same = underWay.get(address.href);
    if (same !== undefined) return same;
    const rested = resting.get(address.href);
    if (rested !== undefined && rested.until > now()) return rested.why;
    const busy: NoDocument = { mayComeBack: true, detail: 'too many documents are being fetched' };
    if (underWay.size >= MAX_FETCHES) return busy;
    // Whoever floods uses up their own allowance first, not everybody's.
    const isAdmitted =
      gates.network.admits(peer) && gates.host.admits(address.hostname) && gates.all.admits('');
    if (!isAdmitted) return busy;
    const started = fetchOnce(address).finally(() => underWay.delete(address.href));
    underWay.set(address.href, started);
    return started;
  }

  return {
    find(clientId, peer) {
      const address = readDocumentAddress(clientId);
      if (address === undefined || address.hostname === ownHost) return undefined;
      if (settings.mode === 'closed') return undefined;
      if (settings.hosts.length > 0 && !settings.hosts.includes(address.hostname)) return undefined;
      return get(address, peer).then((found) => ('client' in found ? found.client : found));
    },
  };
}

function keepNewest<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_KEPT && oldest !== undefined) map.delete(oldest);
}
