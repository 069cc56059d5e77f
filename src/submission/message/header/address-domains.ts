// Owns the check that addresses in a header name complete domains (RFC 6409 §4.2 and §5.1).

import type { HeaderField } from '../../../policy/header.ts';
import { type Refusal, refuse } from '../../../refusal.ts';
import { withoutComments } from './structured-text.ts';

/** RFC 5322 §3.6.2, §3.6.3, §3.6.6. */
const ADDRESS_FIELDS = new Set([
  'from',
  'sender',
  'reply-to',
  'to',
  'cc',
  'bcc',
  'resent-from',
  'resent-sender',
  'resent-reply-to',
  'resent-to',
  'resent-cc',
  'resent-bcc',
]);

/** Any @ behind which no complete domain follows. Rare, so that hardly a list is taken apart. */
const SUSPICIOUS = /@(?![\w-]+(?:\.[\w-]+)+(?:[ \t\r\n>,;(]|$))/;
// Pieces of an address list: quoted strings, what separates members, the rest.
const PIECE = /"[^"\\]*(?:\\[\s\S][^"\\]*)*"|[<>,;:]|[^"<>,;:]+/g;
const MAILBOX = /^(?:[^ "(),:;<>@[\\\]]+|"[^"\\]*(?:\\[\s\S][^"\\]*)*")@([\w!#$%&'*+\-/=?^`{|}~.]+)$/;
const COMPLETE = /^[^.]+(?:\.[^.]+)+$/;

/**
 * Refuses `header-domain` where an address certainly has a domain of one label or with an empty one. What is no address for every
 * program (a list in a state, a name without a domain, a group, an address literal, raw 8-bit text) is left as it is: mail programs in
 * use write all of it, and nothing of it is relayed by.
 */
export function checkAddressDomains(fields: readonly HeaderField[]): Refusal | undefined {
  for (const { name, value } of fields) {
    if (!SUSPICIOUS.test(value) || !ADDRESS_FIELDS.has(name.toLowerCase())) continue;
    const domain = incompleteDomain(value);
    if (domain === undefined) continue;
    return refuse('header-domain', `${name} has an address in the domain "${domain.slice(0, 64)}"`);
  }
  return undefined;
}

function incompleteDomain(value: string): string | undefined {
  const plain = withoutComments(value);
  if (plain === undefined) return undefined;
  for (const member of membersOf(plain)) {
    const domain = MAILBOX.exec(member)?.[1];
    if (domain !== undefined && !COMPLETE.test(domain)) return domain;
  }
  return undefined;
}

/** What stands for an address in each member: between its angle brackets, or all of it. A group's name is none. */
function membersOf(plain: string): string[] {
  const members: string[] = [];
  let text = '';
  let inner: string | undefined;
  let state: 'outside' | 'inside' | 'behind' = 'outside';
  for (const [piece] of `${plain},`.matchAll(PIECE)) {
    if (state === 'inside') {
      if (piece === '>') state = 'behind';
      else inner += piece;
    } else if (piece === '<') {
      state = 'inside';
      // A second one: nobody knows which is the address.
      inner = inner === undefined ? '' : '<';
    } else if (piece === ',' || piece === ';') {
      members.push((inner ?? text).trim());
      text = '';
      inner = undefined;
      state = 'outside';
    } else if (piece === ':') text = '';
    else text += piece;
  }
  return members;
}
