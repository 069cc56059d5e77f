// Owns what a mail client is told for each refusal: one table. The reasons stay in the journal.

import { isRefusal, type Refusal, type RefusalCode } from '../refusal.ts';
import type { Reply } from '../relay/connection/reply.ts';

/** Reply code, the subject and detail of the enhanced code (its class follows from the reply code), constant text. */
type Entry = readonly [code: number, detail: string, text: string];

const CREDENTIALS: Entry = [535, '7.8', 'Authentication credentials invalid'];
const HEADER: Entry = [550, '7.1', 'Header From is not one unambiguous address of yours'];

/** RFC 4954 §6 and RFC 6409 §4–6 for sign-in and policy, RFC 5321 §4.2 and RFC 3463 for the rest. */
export const REPLIES = {
  'sasl-malformed': CREDENTIALS,
  'sasl-encoding': [501, '5.2', 'Cannot decode base64'],
  'sasl-cancelled': [501, '7.0', 'Authentication cancelled'],
  'sasl-line-too-long': [500, '5.6', 'Authentication exchange line is too long'],
  'mechanism-unknown': [504, '5.4', 'Unrecognized authentication mechanism'],

  'token-missing': CREDENTIALS,
  'token-malformed': CREDENTIALS,
  'token-algorithm': CREDENTIALS,
  'token-critical': CREDENTIALS,
  'token-type': CREDENTIALS,
  'token-issuer': CREDENTIALS,
  'token-key': CREDENTIALS,
  'token-signature': CREDENTIALS,
  'token-audience': CREDENTIALS,
  'token-expired': CREDENTIALS,
  'token-not-yet-valid': CREDENTIALS,
  'token-scope': CREDENTIALS,
  'token-client': CREDENTIALS,
  'token-bound': CREDENTIALS,
  'token-revoked': CREDENTIALS,
  'token-identity': CREDENTIALS,
  // Not 535: a client would throw a good token away (RFC 4954 §6).
  'issuer-unavailable': [454, '7.0', 'Temporary authentication failure, try again later'],
  'user-mismatch': CREDENTIALS,

  'sender-not-owned': [550, '7.1', 'Not authorized to send from this address'],
  'header-from-missing': [550, '7.1', 'Message has no From header field'],
  'header-from-ambiguous': HEADER,
  'header-from-not-owned': [550, '7.1', 'Not authorized to send with this header From'],
  'header-sender-not-owned': [550, '7.1', 'Not authorized to send with this header Sender'],
  'header-malformed': [550, '6.0', 'Message header is malformed'],

  'header-too-large': [552, '3.4', 'Message header is too large'],
  'message-too-large': [552, '3.4', 'Message is too large'],
  'line-too-long': [500, '5.2', 'Line is too long'],
  'bare-line-ending': [550, '6.0', 'Message contains a bare CR or LF'],
  'nul-byte': [550, '6.0', 'Message contains a NUL byte'],
  'too-many-recipients': [452, '5.3', 'Too many recipients'],
  'no-valid-recipients': [554, '5.1', 'No valid recipients'],
  'address-syntax': [501, '1.7', 'Bad address syntax'],
  'recipient-syntax': [501, '1.3', 'Bad recipient address syntax'],
  // RFC 6409 §4.2: 554 for all three.
  'sender-domain': [554, '1.8', 'Domain of the sender address is not complete'],
  'recipient-domain': [554, '1.2', 'Domain of the recipient address is not complete'],
  'header-domain': [554, '6.0', 'Message header has an address whose domain is not complete'],
  'parameter-syntax': [501, '5.4', 'Bad parameter syntax'],
  'parameter-unknown': [555, '5.4', 'Parameter is not recognized'],
  // RFC 6531 §3.5
  'utf8-sender-unavailable': [550, '6.7', 'Non-ASCII addresses are not permitted for this sender'],
  'utf8-recipient-unavailable': [553, '6.7', 'Non-ASCII addresses are not permitted for this recipient'],
  // RFC 3463 §3.7: a conversion would be needed, which Postern does not make.
  'eight-bit-unavailable': [554, '6.3', 'Mail server behind takes no 8-bit message'],
  'binary-unavailable': [554, '6.3', 'Mail server behind takes no binary message'],
  // RFC 8689 §5
  'require-tls-unavailable': [550, '7.30', 'REQUIRETLS support required'],

  'command-unknown': [500, '5.2', 'Command is not recognized'],
  'command-not-implemented': [502, '5.1', 'Command is not implemented'],
  'command-syntax': [501, '5.4', 'Bad command syntax'],
  'command-order': [503, '5.1', 'Bad sequence of commands'],
  'command-too-long': [500, '5.2', 'Command line is too long'],
  // Closed at once: what comes behind may be meant as a command by somebody who could write into an address (SMTP injection).
  'command-line-ending': [421, '5.2', 'Command line must end in CRLF'],
  'chunk-size-unknown': [421, '5.4', 'Size of the chunk is unknown'],
  'tls-required': [530, '7.0', 'Must issue a STARTTLS command first'],
  'login-required': [530, '7.0', 'Authentication required'],
  'login-twice': [503, '5.1', 'Already authenticated'],
  'network-not-trusted': [554, '7.1', 'This listener serves known servers only'],
  'proxy-not-trusted': [421, '7.0', 'PROXY header from an address that is not a listed proxy'],
  'rate-exceeded': [451, '7.1', 'Too many messages, slow down'],
  'too-many-failures': [421, '7.0', 'Too many authentication failures'],
  'too-many-commands': [421, '7.0', 'Too many commands'],
  'too-many-connections': [421, '7.0', 'Too many connections, try again later'],
  'session-idle': [421, '4.2', 'Timeout, closing connection'],
  'session-too-long': [421, '4.2', 'Session has lasted too long, connect again'],
  'transaction-too-long': [421, '4.2', 'Transaction has lasted too long, connect again'],
  'session-expired': [421, '7.0', 'Access token has expired, connect again with a new one'],
  'session-revoked': [421, '7.0', 'Access was revoked, sign in again'],
  'shutting-down': [421, '3.2', 'Service is shutting down, connect again'],

  'upstream-unavailable': [451, '4.1', 'Mail server is not reachable, try again later'],
  'upstream-timeout': [451, '4.2', 'Mail server did not answer in time, try again later'],
  'upstream-lost': [451, '4.2', 'Connection to the mail server was lost, try again later'],
  'upstream-busy': [451, '7.0', 'Mail server is busy, try again later'],
  'upstream-limit': [451, '7.0', 'Mail server takes no more for now, try again in a minute'],
  'upstream-login': [451, '4.0', 'Mail server does not accept this gate, try again later'],
  // Names the event only: the client gets the upstream's own reply.
  'upstream-refused': [554, '0.0', 'Refused by the mail server'],
  'upstream-protocol': [451, '4.0', 'Mail server gave no valid answer, try again later'],

  'spool-unavailable': [451, '3.0', 'Message cannot be kept for its signature, try again later'],

  'internal-error': [451, '3.0', 'Local error in processing, try again later'],
} as const satisfies Record<RefusalCode, Entry>;

/** The reply to a refusal; the session id at its end leads from a user's complaint to the journal. */
export function replyTo(refusal: Refusal | RefusalCode, session: string): Reply {
  const [code, detail, text] = REPLIES[isRefusal(refusal) ? refusal.code : refusal];
  return { code, lines: [`${enhancedCode(code, detail)} ${text} [${session}]`] };
}

/** The upstream's own reply, or the one to a refusal. */
export const replyWith = (verdict: Reply | Refusal, session: string): Reply =>
  isRefusal(verdict) ? replyTo(verdict, session) : verdict;

/** A reply of Postern's own with its enhanced code (RFC 2034). */
export function ownReply(code: number, detail: string, text: string): Reply {
  return { code, lines: [`${enhancedCode(code, detail)} ${text}`] };
}

// RFC 3463 §2: the class digit says the same as the reply code's first.
const enhancedCode = (code: number, detail: string): string => `${Math.floor(code / 100)}.${detail}`;

/** The reply as it goes onto the wire. */
export function wireForm(reply: Reply): string {
  const last = reply.lines.length - 1;
  return reply.lines.map((line, index) => `${reply.code}${index < last ? '-' : ' '}${line}\r\n`).join('');
}
