// Owns what EHLO offers (RFC 5321 §4.1.1.1): Postern's own extensions, and those of the upstream that it passes on.

import type { Capabilities } from '../relay/capabilities.ts';
import { sizeLimit } from './parameters.ts';
import type { SubmissionSettings } from './settings.ts';

/** Extensions whose parameters go through to the upstream: offered only while it offers them. */
const PASSED_ON = ['8BITMIME', 'SMTPUTF8', 'DSN'];

export function extensionLines(options: {
  settings: SubmissionSettings;
  capabilities: Capabilities | undefined;
  secure: boolean;
  signedIn: boolean;
}): string[] {
  const { settings, capabilities } = options;
  return [
    'PIPELINING',
    `SIZE ${sizeLimit(settings.maxMessageBytes, capabilities)}`,
    ...PASSED_ON.filter((keyword) => capabilities?.keywords.has(keyword)),
    'ENHANCEDSTATUSCODES',
    ...(options.secure ? [] : ['STARTTLS']),
    // RFC 4954 §4: not before TLS, where a token would travel in clear text; not after AUTH, where it is of no use.
    ...(options.secure && !options.signedIn ? [`AUTH ${settings.mechanisms.join(' ')}`] : []),
  ];
}
