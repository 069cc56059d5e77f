// Owns which ESMTP parameters go on to the upstream, what it must offer for them, and with which code one is refused.

import type { EsmtpParameters, Path } from '../../envelope.ts';
import { type Refusal, type RefusalCode, refuse } from '../../refusal.ts';
import { xtext } from '../announce/xtext.ts';
import type { Capabilities } from '../connection/capabilities.ts';

interface Extension {
  /** EHLO keyword that must stand behind the parameter. */
  readonly keyword: string;
  /** What becomes of the parameter without it; `dropped` where it only informs and nothing is lost. */
  readonly lacking: RefusalCode | 'dropped';
}

// Each code is the one its RFC names; where it names none, RFC 5321 §4.1.1.11: a parameter that is not implemented is 555.
// docs/flow.md has the same table with the replies.
const EXTENSIONS: Record<string, Extension> = {
  SIZE: { keyword: 'SIZE', lacking: 'dropped' }, // RFC 1870
  SMTPUTF8: { keyword: 'SMTPUTF8', lacking: 'utf8-sender-unavailable' }, // RFC 6531 §3.5
  REQUIRETLS: { keyword: 'REQUIRETLS', lacking: 'require-tls-unavailable' }, // RFC 8689 §5
  RET: { keyword: 'DSN', lacking: 'parameter-unknown' }, // RFC 3461 §4
  ENVID: { keyword: 'DSN', lacking: 'parameter-unknown' },
  NOTIFY: { keyword: 'DSN', lacking: 'parameter-unknown' },
  ORCPT: { keyword: 'DSN', lacking: 'parameter-unknown' },
  AUTH: { keyword: 'AUTH', lacking: 'dropped' }, // RFC 4954 §5
};

/** BODY= by its value. RFC 3463 §3.7: 5.6.3, a conversion would be needed, and Postern converts nothing. */
const BODIES: Record<string, Extension> = {
  '7BIT': { keyword: '8BITMIME', lacking: 'dropped' },
  '8BITMIME': { keyword: '8BITMIME', lacking: 'eight-bit-unavailable' }, // RFC 6152 §3
  BINARYMIME: { keyword: 'BINARYMIME', lacking: 'binary-unavailable' }, // RFC 3030 §3
};

/**
 * The text that follows the path in MAIL or RCPT, starting with a space where there is any.
 * Refuses with the extension's own code where the upstream lacks what the message needs.
 *
 * @param vouched.submitter for MAIL: the address that Postern vouches for in AUTH=; see `submitterOf` in `announce/`
 */
export function parametersFor(
  parameters: EsmtpParameters,
  capabilities: Capabilities,
  { submitter }: { submitter?: string | undefined } = {},
): string | Refusal {
  let text = '';
  for (const [name, value] of Object.entries(spokenFor(parameters, submitter))) {
    const extension = name === 'BODY' ? BODIES[String(value).toUpperCase()] : EXTENSIONS[name];
    if (extension && capabilities.keywords.has(extension.keyword))
      text += value === true ? ` ${name}` : ` ${name}=${value}`;
    else if (extension?.lacking !== 'dropped') {
      const code = extension?.lacking ?? 'parameter-unknown';
      return refuse(code, `upstream does not offer ${extension?.keyword ?? name}`);
    }
  }
  return text;
}

/** Whether the body goes as octets (RFC 3030) rather than as lines. */
export const isBinary = (mailFrom: Path): boolean =>
  String(mailFrom.parameters['BODY']).toUpperCase() === 'BINARYMIME';

/** RFC 4954 §5: a client's own word about who submitted the message is not vouched for. */
function spokenFor(parameters: EsmtpParameters, submitter: string | undefined): EsmtpParameters {
  if (submitter !== undefined) return { ...parameters, AUTH: xtext(submitter) };
  return 'AUTH' in parameters ? { ...parameters, AUTH: '<>' } : parameters;
}
