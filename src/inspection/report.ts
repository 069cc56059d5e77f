// Owns the shape of what an inspection hands on; `postern check --json` prints it as it is.

import type { Finding, Level } from './findings.ts';
import type { TlsFacts } from './tls-facts.ts';

/** How a port is spoken to: TLS by STARTTLS, from the first byte, or a mail exchanger that anybody may hand mail to. */
export type PortMode = 'starttls' | 'implicit' | 'relay';

/**
 * One JSON document. Members stay; new ones may come. What could not be found out is `null`, never left out.
 * No text in it holds the token, nor a control character.
 */
export interface Report {
  readonly host: string;
  /** The worst level among all findings. */
  readonly verdict: Level;
  readonly counts: Readonly<Record<Level, number>>;
  readonly ports: readonly PortReport[];
  /** Where a domain was asked for. */
  readonly domain: DomainReport | null;
}

export interface PortReport {
  readonly port: number;
  readonly mode: PortMode;
  /** IP address that answered; null where none did. */
  readonly address: string | null;
  /** The greeting, such as `220 mail.example.org ESMTP`. */
  readonly banner: string | null;
  /** Lines of the EHLO reply, before TLS and inside it. */
  readonly capabilities: { readonly clear: readonly string[] | null; readonly tls: readonly string[] | null };
  /** SASL mechanisms among them, upper case. */
  readonly mechanisms: { readonly clear: readonly string[]; readonly tls: readonly string[] };
  readonly tls: TlsFacts | null;
  /** Every open-relay probe that was made. */
  readonly relay: readonly RelayAttempt[];
  readonly findings: readonly Finding[];
  /** Lines of the dialogue, credentials hidden; null unless asked for. */
  readonly transcript: readonly string[] | null;
}

export interface RelayAttempt {
  /** Name of the disguise, as `relay-table.ts` has them. */
  readonly disguise: string;
  readonly sender: string;
  readonly recipient: string;
  /** The command that was answered last; a sender that is refused never comes to a recipient. */
  readonly command: 'MAIL' | 'RCPT';
  /** The answer to it; 0 where the connection was closed instead. */
  readonly code: number;
  readonly reply: string;
  /** Accepted, but a nonsense mailbox of the server's own is accepted as well: it may take this for one of them. */
  readonly undecided: boolean;
}

export interface DomainReport {
  readonly domain: string;
  /** Texts as DNS has them. */
  readonly records: {
    readonly spf: readonly string[];
    readonly dkim: Readonly<Record<string, readonly string[]>>;
    readonly dmarc: readonly string[];
    readonly srv: Readonly<Record<string, readonly string[]>>;
    readonly autoconfiguration: readonly string[];
  };
  readonly findings: readonly Finding[];
}
