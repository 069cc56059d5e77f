// Owns the question whom a header names as its originators (RFC 5322 §3.6.2 and §3.6.6): From, Sender and their Resent- forms.

import { isUtf8 } from 'node:buffer';
import { type Refusal, refuse } from '../refusal.ts';
import type { HeaderField } from './header.ts';
import { parseMailboxList } from './mailbox-list.ts';

/** Canonical addresses of the fields that say who sent a message. */
export interface Originators {
  /** Never empty. */
  readonly from: readonly string[];
  /** One at most. */
  readonly sender: readonly string[];
  /** Of every Resent-From and Resent-Sender. */
  readonly resent: readonly string[];
}

// A field of 50 mailboxes with long names; a header of resendings nobody makes by hand.
const MAX_FIELD_CHARACTERS = 16_384;
const MAX_RESENT_FIELDS = 20;

const CONTROL = /[^\P{Cc}\t\r\n]/u;
const BARE_LINE_ENDING = /\r(?!\n[ \t])|(?<!\r)\n/;

/**
 * Reads the originators. Refuses `header-from-missing` and `header-from-ambiguous`, whatever field it is that is unclear,
 * and `header-malformed` for octets that no header may have.
 */
export function readOriginators(fields: readonly HeaderField[]): Originators | Refusal {
  const from = fieldsNamed(fields, 'from');
  const sender = fieldsNamed(fields, 'sender');
  const resent = [...fieldsNamed(fields, 'resent-from'), ...fieldsNamed(fields, 'resent-sender')];

  if (from.length === 0) return refuse('header-from-missing', 'the header has no From (RFC 5322 §3.6)');
  // Servers check the first, mail programs show the last, or the other way round ("Composition Kills", A6).
  if (from.length > 1) return ambiguous(`there are ${from.length} From fields`);
  if (sender.length > 1) return ambiguous(`there are ${sender.length} Sender fields`);
  if (resent.length > MAX_RESENT_FIELDS) return ambiguous(`there are ${resent.length} Resent- fields`);

  const fromAddresses = readAddresses(from);
  if (!Array.isArray(fromAddresses)) return fromAddresses;
  const senderAddresses = readAddresses(sender);
  if (!Array.isArray(senderAddresses)) return senderAddresses;
  // RFC 5322 §3.6.2: one mailbox.
  if (senderAddresses.length > 1) return ambiguous('Sender has more than one mailbox');
  const resentAddresses = readAddresses(resent);
  if (!Array.isArray(resentAddresses)) return resentAddresses;
  return { from: fromAddresses, sender: senderAddresses, resent: resentAddresses };
}

function fieldsNamed(fields: readonly HeaderField[], name: string): HeaderField[] {
  return fields.filter((field) => field.name.length === name.length && field.name.toLowerCase() === name);
}

function readAddresses(fields: readonly HeaderField[]): string[] | Refusal {
  const addresses: string[] = [];
  for (const field of fields) {
    const text = decodeValue(field);
    if (typeof text !== 'string') return text;
    const mailboxes = parseMailboxList(text);
    if ('unclear' in mailboxes) return ambiguous(`in ${field.name}, ${mailboxes.unclear}`);
    addresses.push(...mailboxes.map((mailbox) => mailbox.address));
  }
  return addresses;
}

function decodeValue(field: HeaderField): string | Refusal {
  if (field.value.length > MAX_FIELD_CHARACTERS) return ambiguous(`${field.name} is too long`);
  const octets = Buffer.from(field.value, 'latin1');
  // RFC 6532 §3.2: beyond ASCII there is UTF-8 and nothing else.
  if (!isUtf8(octets)) return refuse('header-malformed', `${field.name} is not valid UTF-8`);
  const text = octets.toString('utf8');
  if (CONTROL.test(text)) return refuse('header-malformed', `${field.name} has control characters`);
  if (BARE_LINE_ENDING.test(text)) return refuse('header-malformed', `${field.name} has a bare CR or LF`);
  return text;
}

function ambiguous(what: string): Refusal {
  return refuse('header-from-ambiguous', `the originator is not clear: ${what}`);
}
