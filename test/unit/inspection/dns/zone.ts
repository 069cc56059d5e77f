// DNS as a table, for questions that no network must answer.

import type { Answer, Lookup, ServiceRecord } from '../../../../src/inspection/dns/lookup.ts';

export interface Zone {
  readonly texts?: Readonly<Record<string, readonly string[]>>;
  readonly addresses?: Readonly<Record<string, readonly string[]>>;
  readonly exchangers?: Readonly<Record<string, readonly string[]>>;
  readonly services?: Readonly<Record<string, readonly ServiceRecord[]>>;
  /** Names that are never answered for. */
  readonly silent?: readonly string[];
}

export function lookupIn(zone: Zone): Lookup & { readonly asked: readonly string[] } {
  const asked: string[] = [];
  const answer = async <T>(
    kind: Exclude<keyof Zone, 'silent'>,
    name: string,
    records: readonly T[] | undefined,
  ): Promise<Answer<T>> => {
    asked.push(`${kind} ${name}`);
    if (zone.silent?.includes(name)) return { outcome: 'unanswered', reason: 'no answer in time' };
    return records && records.length > 0 ? { outcome: 'found', records } : { outcome: 'none' };
  };
  return {
    asked,
    texts: (name) => answer('texts', name, zone.texts?.[name]),
    addresses: (name) => answer('addresses', name, zone.addresses?.[name]),
    exchangers: (name) => answer('exchangers', name, zone.exchangers?.[name]),
    services: (name) => answer('services', name, zone.services?.[name]),
  };
}
