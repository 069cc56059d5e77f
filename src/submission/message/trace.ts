// Owns the trace of a message's way, and the fields that it may lack: Received, Date, Message-ID (RFC 5321 §4.4, RFC 6409 §8).

import { randomUUID } from 'node:crypto';

export interface TraceOptions {
  /** Postern's own host name. */
  readonly hostname: string;
  /** EHLO argument as the client gave it. */
  readonly clientName: string;
  readonly clientAddress: string;
  /** Session id and number of the message in it. */
  readonly id: string;
  /** IANA name of the cipher suite; undefined where there is no TLS. */
  readonly cipher: string | undefined;
  /** Whether a SASL exchange said who this is; false for a server known by its network. */
  readonly signedIn: boolean;
  /** MAIL was given with SMTPUTF8. */
  readonly utf8: boolean;
  readonly time: Date;
}

/** RFC 5321 §4.4, with the tls clause of RFC 8314 §4.3. */
export function receivedField(options: TraceOptions, clientAddress: 'show' | 'hide'): string {
  const cipher = options.cipher ? ` tls ${options.cipher}` : '';
  return (
    `Received: from ${clientAddress === 'hide' ? HIDDEN_CLIENT : client(options)}\r\n` +
    `\tby ${options.hostname} (Postern) with ${protocol(options)}${cipher}\r\n` +
    `\tid ${options.id};\r\n` +
    `\t${mailDate(options.time)}\r\n`
  );
}

// RFC 5321 §4.4 wants a from clause in every case. This machine is the one that is sure to tell nothing; Mailcow writes the same.
const HIDDEN_CLIENT = '[127.0.0.1] (localhost [127.0.0.1])';

function client({ clientName, clientAddress }: TraceOptions): string {
  const literal = clientAddress.includes(':') ? `[IPv6:${clientAddress}]` : `[${clientAddress}]`;
  // What is no host name is the client's free text and has no place in a header.
  const name = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$/.test(clientName) ? clientName : literal;
  return `${name} (${literal})`;
}

/** RFC 3848; the names for SMTPUTF8 are those of RFC 6531 §4.3. */
function protocol({ cipher, signedIn, utf8 }: TraceOptions): string {
  return `${utf8 ? 'UTF8SMTP' : 'ESMTP'}${cipher ? 'S' : ''}${signedIn ? 'A' : ''}`;
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
