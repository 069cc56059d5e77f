// Owns what EHLO offers (RFC 5321 §4.1.1.1): Postern's own extensions, and those of the upstream that it passes on.

import type { Capabilities } from '../relay/connection/capabilities.ts';
import type { MechanismName } from '../sasl/mechanism.ts';
import { sizeLimit } from './parameters.ts';
import type { SubmissionSettings } from './settings.ts';

/** Extensions that need the upstream: offered only while it offers them. */
const PASSED_ON = ['8BITMIME', 'SMTPUTF8', 'DSN', 'CHUNKING', 'BINARYMIME'];
/** RFC 8689 §2: offered only inside TLS. */
const PASSED_ON_IN_TLS = ['REQUIRETLS'];

export function extensionLines(options: {
  settings: SubmissionSettings;
  mechanisms: readonly MechanismName[];
  capabilities: Capabilities | undefined;
  secure: boolean;
  signedIn: boolean;
}): string[] {
  const { settings, capabilities, secure } = options;
  const passedOn = secure ? [...PASSED_ON, ...PASSED_ON_IN_TLS] : PASSED_ON;
  return [
    'PIPELINING',
    `SIZE ${sizeLimit(settings.maxMessageBytes, capabilities)}`,
    ...passedOn.filter((keyword) => capabilities?.keywords.has(keyword)),
    'ENHANCEDSTATUSCODES',
    ...(secure ? [] : ['STARTTLS']),
    // RFC 4954 §4: not before TLS, where a token would travel in clear text; not after AUTH, where it is of no use.
    ...(secure && !options.signedIn && options.mechanisms.length > 0
      ? [`AUTH ${options.mechanisms.join(' ')}`]
      : []),
  ];
}
