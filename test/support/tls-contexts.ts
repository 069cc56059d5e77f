// TLS contexts of one certificate that stays as it is, with ticket keys of their own.

import { createTlsContexts, type TlsContexts } from '../../src/tls/contexts.ts';
import { type PairTexts, readPair } from '../../src/tls/pair.ts';
import type { StoredTicketKey } from '../../src/tls/ticket-key-store.ts';
import { openTicketKeys } from '../../src/tls/ticket-keys.ts';

/** @param authorities PEM text of those whose client certificates are believed */
export async function testContexts(texts: PairTexts, authorities?: string): Promise<TlsContexts> {
  const pair = readPair(texts, { certificate: 'certificate.pem', key: 'key.pem' });
  if ('faults' in pair) throw new Error(pair.faults.map(({ message }) => message).join('; '));
  const kept: StoredTicketKey[] = [];
  const ticketKeys = await openTicketKeys({
    store: {
      listLive: async () => kept,
      addMissing: async (keys) => void kept.push(...keys),
      removeExpired: async () => 0,
    },
    rotateEvery: 3_600_000,
  });
  return createTlsContexts({
    settings: {},
    ticketKeys,
    certificates: {
      first: () => pair,
      all: () => [pair],
      forName: () => undefined,
      authorities: () => authorities,
      onChange: () => () => undefined,
      reload: async () => undefined,
      close: () => undefined,
    },
  });
}
