// Owns the opening of TLS for the mail client's door: certificates, ticket keys and contexts, and their upkeep.

import { type CertificateChoice, type CertificateNews, openCertificates } from './certificates.ts';
import { createTlsContexts, type TlsContexts } from './contexts.ts';
import type { TlsSettings } from './settings.ts';
import type { TicketKeyStore } from './ticket-key-store.ts';
import { openTicketKeys } from './ticket-keys.ts';

export interface Tls {
  readonly contexts: TlsContexts;
  /** Reads changed certificate files now instead of in a second or two. */
  reload(): Promise<void>;
  close(): void;
}

/** The settings, or paths of a certificate and its key alone; the rest is as by default then. */
export type TlsChoice = CertificateChoice &
  Partial<Pick<TlsSettings, 'minVersion' | 'ciphers' | 'sessionTickets'>>;

const ROTATE_EVERY = 12 * 3_600_000;
const TICKET_TICK = 60_000;

/** Rejects with a CertificateFault (its `faults` have the form of a StartFailure's), or where the store cannot be read. */
export async function openTls(options: {
  readonly settings: TlsChoice;
  /** Where the settings stand in the configuration. */
  readonly path: string;
  readonly ticketKeyStore: TicketKeyStore;
  readonly news: CertificateNews & {
    /** The store cannot be read; sessions are resumed as long as the keys known are good. */
    onFault(error: unknown): void;
  };
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}): Promise<Tls> {
  const { settings, news } = options;
  const clock = options.now === undefined ? {} : { now: options.now };
  const certificates = await openCertificates({ settings, path: options.path, news, ...clock });
  try {
    const ticketKeys = await openTicketKeys({
      store: options.ticketKeyStore,
      rotateEvery: settings.sessionTickets?.rotateEvery ?? ROTATE_EVERY,
      ...clock,
    });
    const contexts = createTlsContexts({ settings, certificates, ticketKeys });
    const timer = setInterval(() => void ticketKeys.tick().catch(news.onFault), TICKET_TICK).unref();
    return {
      contexts,
      reload: () => certificates.reload(),
      close() {
        clearInterval(timer);
        contexts.close();
        ticketKeys.close();
        certificates.close();
      },
    };
  } catch (error) {
    certificates.close();
    throw error;
  }
}
