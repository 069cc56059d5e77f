// Owns which ESMTP parameters a client may give with MAIL and RCPT, and what their values must look like.

import type { EsmtpParameters, Path } from '../envelope.ts';
import { type Refusal, refuse } from '../refusal.ts';
import type { Capabilities } from '../relay/capabilities.ts';

type Rule = (value: string | true) => boolean;

const flag: Rule = (value) => value === true;
const matching =
  (pattern: RegExp): Rule =>
  (value) =>
    value !== true && pattern.test(value);

// RFC 3461 §4: xtext leaves out "+" and "=" but for its own escapes; clients in use don't escape ENVID, so VCHAR is taken.
const MAIL_RULES: Record<string, Rule> = {
  SIZE: matching(/^[0-9]{1,20}$/),
  BODY: matching(/^(7BIT|8BITMIME)$/i),
  SMTPUTF8: flag,
  RET: matching(/^(FULL|HDRS)$/i),
  ENVID: matching(/^[!-~]{1,100}$/),
  AUTH: matching(/^[!-~]{1,500}$/),
};

const RCPT_RULES: Record<string, Rule> = {
  NOTIFY: matching(/^(NEVER|(SUCCESS|FAILURE|DELAY)(,(SUCCESS|FAILURE|DELAY)){0,2})$/i),
  ORCPT: matching(/^[A-Za-z0-9-]{1,40};[!-~\u0080-\u{10ffff}]{1,500}$/u),
};

/** @param limit largest message taken now, in bytes */
export function checkMailParameters(path: Path, limit: number): Refusal | undefined {
  const fault = checkParameters(path.parameters, MAIL_RULES);
  if (fault) return fault;
  if (Number(path.parameters['SIZE'] ?? 0) > limit) {
    return refuse('message-too-large', `declared ${path.parameters['SIZE']} bytes, the limit is ${limit}`);
  }
  return checkUtf8(path, path.parameters['SMTPUTF8'] === true, 'address-syntax');
}

/** @param utf8 whether MAIL was given with SMTPUTF8 */
export function checkRecipientParameters(path: Path, utf8: boolean): Refusal | undefined {
  return checkParameters(path.parameters, RCPT_RULES) ?? checkUtf8(path, utf8, 'recipient-syntax');
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

// RFC 6531 §3.3: an address outside ASCII goes only with SMTPUTF8.
function checkUtf8(
  path: Path,
  utf8: boolean,
  code: 'address-syntax' | 'recipient-syntax',
): Refusal | undefined {
  return utf8 || /^[\x00-\x7f]*$/.test(path.address)
    ? undefined
    : refuse(code, 'address outside ASCII without SMTPUTF8');
}
