// Owns which ESMTP parameters a client may give with MAIL and RCPT, and what their values must look like.

import type { EsmtpParameters, Path } from '../envelope.ts';
import { type Refusal, refuse } from '../refusal.ts';
import type { Capabilities } from '../relay/connection/capabilities.ts';

type Rule = (value: string | true) => boolean;

const flag: Rule = (value) => value === true;
const text =
  (check: (value: string) => boolean): Rule =>
  (value) =>
    value !== true && check(value);
const matching = (pattern: RegExp): Rule => text((value) => pattern.test(value));

// What a parameter needs of the upstream, and with which code it is refused there, stands in relay/transaction/parameters.ts.
const MAIL_RULES: Record<string, Rule> = {
  SIZE: matching(/^[0-9]{1,20}$/),
  BODY: matching(/^(7BIT|8BITMIME|BINARYMIME)$/i),
  SMTPUTF8: flag,
  REQUIRETLS: flag, // RFC 8689 §2
  RET: matching(/^(FULL|HDRS)$/i),
  ENVID: text((value) => value.length <= 100 && isXtext(value)), // RFC 3461 §4.4
  AUTH: text((value) => value.length <= 500 && isXtext(value)), // RFC 4954 §5; <> is xtext too
};

const RCPT_RULES: Record<string, Rule> = {
  NOTIFY: matching(/^(NEVER|(SUCCESS|FAILURE|DELAY)(,(SUCCESS|FAILURE|DELAY)){0,2})$/i),
  ORCPT: text(isOriginalRecipient),
};

/**
 * @param given.limit largest message taken now, in bytes
 * @param given.secure whether the client speaks through TLS
 */
export function checkMailParameters(
  path: Path,
  { limit, secure }: { limit: number; secure: boolean },
): Refusal | undefined {
  const fault = checkParameters(path.parameters, MAIL_RULES);
  if (fault) return fault;
  if (Number(path.parameters['SIZE'] ?? 0) > limit) {
    return refuse('message-too-large', `declared ${path.parameters['SIZE']} bytes, the limit is ${limit}`);
  }
  // RFC 8689 §2: not where the message itself has come in clear text.
  if (path.parameters['REQUIRETLS'] && !secure)
    return refuse('require-tls-unavailable', 'REQUIRETLS in clear text');
  return checkUtf8(path, path.parameters['SMTPUTF8'] === true, 'utf8-sender-unavailable');
}

/** @param utf8 whether MAIL was given with SMTPUTF8 */
export function checkRecipientParameters(path: Path, utf8: boolean): Refusal | undefined {
  return checkParameters(path.parameters, RCPT_RULES) ?? checkUtf8(path, utf8, 'utf8-recipient-unavailable');
}

/** Largest message taken: Postern's own limit or the upstream's, the smaller. */
export function sizeLimit(own: number, capabilities: Capabilities | undefined): number {
  return Math.min(own, capabilities?.maxMessageBytes ?? own);
}

function checkParameters(parameters: EsmtpParameters, rules: Record<string, Rule>): Refusal | undefined {
  for (const [name, value] of Object.entries(parameters)) {
    const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
    if (!rule) return refuse('parameter-unknown', `parameter ${name}`);
    if (!rule(value)) return refuse('parameter-syntax', `value of parameter ${name}`);
  }
  return undefined;
}

// RFC 6531 §3.3, §3.5: an address outside ASCII goes only with SMTPUTF8.
function checkUtf8(
  path: Path,
  utf8: boolean,
  code: 'utf8-sender-unavailable' | 'utf8-recipient-unavailable',
): Refusal | undefined {
  return utf8 || isAscii(path.address) ? undefined : refuse(code, 'address outside ASCII without SMTPUTF8');
}

const isAscii = (value: string): boolean => /^[\x00-\x7f]*$/.test(value);

/**
 * RFC 3461 §4: printable, with "+" only before two hexadecimal digits, and nothing unprintable behind those. An "=" must be
 * escaped too; mail programs don't, and it harms nobody.
 */
function isXtext(value: string): boolean {
  const plain = value.replace(/\+([0-9A-F]{2})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return /^(?:[!-*,-~]|\+[0-9A-F]{2})+$/.test(value) && /^[ -~]+$/.test(plain);
}

/** RFC 3461 §4.2: address type and xtext, together at most 500; RFC 6533 §3: `utf-8` alone may hold more than ASCII. */
function isOriginalRecipient(value: string): boolean {
  const [, type = '', address = ''] = /^([A-Za-z0-9!#$%&'*/?^_`{|}~-]{1,40});(.+)$/u.exec(value) ?? [];
  if (type === '' || Buffer.byteLength(value) > 500) return false;
  if (type.toLowerCase() === 'utf-8') return /^[!-*,-<>-~\u0080-\u{10ffff}]+$/u.test(address);
  return isXtext(address);
}
