// Owns the header fields that Postern adds: Received, and Date and Message-ID where they are missing (RFC 6409 §8).

import { randomUUID } from 'node:crypto';

export interface TraceOptions {
  /** Postern's own host name. */
  readonly hostname: string;
  /** EHLO argument as the client gave it. */
  readonly clientName: string;
  readonly clientAddress: string;
  /** Session id and number of the message in it. */
  readonly id: string;
  /** IANA name of the cipher suite. */
  readonly cipher: string | undefined;
  /** MAIL was given with SMTPUTF8. */
  readonly utf8: boolean;
  readonly time: Date;
}

/** RFC 5321 §4.4; `with ESMTPSA` RFC 3848, `with UTF8SMTPSA` RFC 6531 §4.3, the tls clause RFC 8314 §4.3. */
export function receivedField(options: TraceOptions): string {
  const literal = options.clientAddress.includes(':')
    ? `[IPv6:${options.clientAddress}]`
    : `[${options.clientAddress}]`;
  // What is no host name is the client's free text and has no place in a header.
  const from = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/.test(options.clientName) ? options.clientName : literal;
  const cipher = options.cipher ? ` tls ${options.cipher}` : '';
  return (
    `Received: from ${from} (${literal})\r\n` +
    `\tby ${options.hostname} (Postern) with ${options.utf8 ? 'UTF8SMTPSA' : 'ESMTPSA'}${cipher}\r\n` +
    `\tid ${options.id};\r\n` +
    `\t${mailDate(options.time)}\r\n`
  );
}

export const dateField = (time: Date): string => `Date: ${mailDate(time)}\r\n`;

export const messageIdField = (hostname: string): string => `Message-ID: <${randomUUID()}@${hostname}>\r\n`;

/** RFC 5322 §3.3, in UTC. Many messages share a second, and a date is costly to write. */
function mailDate(time: Date): string {
  const second = Math.floor(time.getTime() / 1000);
  if (latest.second !== second) latest = { second, text: time.toUTCString().replace('GMT', '+0000') };
  return latest.text;
}

let latest = { second: Number.NaN, text: '' };
