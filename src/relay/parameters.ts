// Owns which ESMTP parameters go on to the upstream, and what it must offer for them.

import type { EsmtpParameters } from '../envelope.ts';
import { type Refusal, refuse } from '../refusal.ts';
import type { Capabilities } from './capabilities.ts';

/** Parameter to the EHLO keyword that must stand behind it. */
const EXTENSION_OF: Record<string, string> = {
  SIZE: 'SIZE', // RFC 1870
  BODY: '8BITMIME', // RFC 6152
  SMTPUTF8: 'SMTPUTF8', // RFC 6531
  RET: 'DSN', // RFC 3461
  ENVID: 'DSN',
  NOTIFY: 'DSN',
  ORCPT: 'DSN',
  AUTH: 'AUTH', // RFC 4954 §5
};

/** Parameters that only inform; an upstream without the extension loses nothing by not seeing them. */
const DROPPED_SILENTLY = new Set(['SIZE', 'AUTH']);

/**
 * The text that follows the path in MAIL or RCPT, starting with a space where there is any.
 * Refuses `extension-unavailable` where the upstream lacks what the message needs.
 */
export function parametersFor(parameters: EsmtpParameters, capabilities: Capabilities): string | Refusal {
  let text = '';
  for (const [name, value] of Object.entries(parameters)) {
    const offered = capabilities.keywords.has(EXTENSION_OF[name] ?? name);
    if (offered) text += ` ${forwarded(name, value)}`;
    else if (!DROPPED_SILENTLY.has(name) && !isSevenBit(name, value)) {
      return refuse('extension-unavailable', `upstream does not offer ${EXTENSION_OF[name] ?? name}`);
    }
  }
  return text;
}

function forwarded(name: string, value: string | true): string {
  // RFC 4954 §5: a client's own word about who submitted the message is not vouched for.
  if (name === 'AUTH') return 'AUTH=<>';
  return value === true ? name : `${name}=${value}`;
}

const isSevenBit = (name: string, value: string | true): boolean =>
  name === 'BODY' && String(value).toUpperCase() === '7BIT';
