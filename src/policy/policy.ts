// Owns the decision whether a principal may send as whom it says: three ordered lists of checks.

import { isOfDomain, sameAddress } from '../address.ts';
import { type Principal, principalName } from '../principal.ts';
import { isRefusal, type Refusal, type RefusalCode, refuse } from '../refusal.ts';
import type { HeaderField } from './header.ts';
import { type Originators, readOriginators } from './originators.ts';

/** Names that agree with a token. The token alone says who it is; a name that says otherwise is a mix-up or an attack. */
const USER_NAMES: readonly ((principal: Principal, userName: string) => boolean)[] = [
  ownsAddress,
  // For an app the subject is its client identifier (RFC 9068 §2.2). The client identifier in a person's token is no such name:
  // it says which program asked.
  (principal, userName) => userName === principal.subject,
];

/** Envelope senders that a principal may use. */
const ENVELOPE_SENDERS: readonly ((principal: Principal, mailFrom: string) => boolean)[] = [
  // RFC 5321 §4.5.5: notifications, such as a read receipt (RFC 8098 §3), go out under the null reverse-path. It names nobody
  // and the header's From must still be the principal's own.
  (_principal, mailFrom) => mailFrom === '',
  ownsAddress,
];

/** Header fields in the order in which they are judged: every address in each must belong to the principal. */
const HEADER_ORIGINATORS: readonly { field: keyof Originators; code: RefusalCode }[] = [
  { field: 'from', code: 'header-from-not-owned' },
  { field: 'sender', code: 'header-sender-not-owned' },
  // RFC 5322 §3.6.6: who sends a message again signs in Resent-From, and mail programs put the user's own address there. Some
  // show it beside From, webmail in place of a From it cannot read ("Composition Kills", A8): so it must be nobody else's.
  // From stays the author's, so that by default only one's own messages can be sent again.
  { field: 'resent', code: 'header-sender-not-owned' },
];

/** Whether the SASL user name agrees with the verified token. Undefined where it does, or where no name was given. */
export function checkUserName(principal: Principal, userName: string | undefined): Refusal | undefined {
  if (userName === undefined || USER_NAMES.some((agrees) => agrees(principal, userName))) return undefined;
  return refuse(
    'user-mismatch',
    `the token is ${shown(principalName(principal))}'s, the user name is another`,
  );
}

/** Whether the envelope sender (without angle brackets, empty for the null reverse-path) belongs to the principal. */
export function checkMailFrom(principal: Principal, mailFrom: string): Refusal | undefined {
  if (ENVELOPE_SENDERS.some((allows) => allows(principal, mailFrom))) return undefined;
  return refuse('sender-not-owned', notOwned(principal, 'the envelope sender', mailFrom));
}

/** Whether every originator in the header belongs to the principal. Refuses what cannot be read in one way only. */
export function checkHeader(principal: Principal, fields: readonly HeaderField[]): Refusal | undefined {
  const originators = readOriginators(fields);
  if (isRefusal(originators)) return originators;
  for (const { field, code } of HEADER_ORIGINATORS) {
    const foreign = originators[field].find((address) => !ownsAddress(principal, address));
    if (foreign !== undefined)
      return refuse(code, notOwned(principal, `the header's ${field} address`, foreign));
  }
  return undefined;
}

// No plus-addressing, no sub-domains: an address is owned only where the token's claims or the configuration list it.
function ownsAddress(principal: Principal, address: string): boolean {
  // Both are parsed only where they are not written alike, which is rare.
  return (
    principal.addresses.some((own) => own === address || sameAddress(own, address)) ||
    principal.domains.some((domain) => isOfDomain(address, domain))
  );
}

function notOwned(principal: Principal, what: string, address: string): string {
  return `${what} ${shown(address)} is not one of ${shown(principalName(principal))}'s`;
}

// What a client wrote goes into the journal without control characters, and not at any length.
function shown(text: string): string {
  return text.slice(0, 254).replace(/\p{C}/gu, '?');
}
