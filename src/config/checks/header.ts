// Checks of what is to be changed in the header of a message.

import { quote } from '../fault.ts';
import type { CheckInput } from './check.ts';

// RFC 5322 §2.2.
const FIELD_NAME = /^[!-9;-~]+$/;

export function checkDroppedFields({ settings, findings }: CheckInput): void {
  settings.submission.header.drop.forEach((name, index) => {
    const place = ['submission', 'header', 'drop', index];
    if (!FIELD_NAME.test(name)) findings.fault(place, `${quote(name)} is not a field name such as "Bcc"`);
    // RFC 5322 §3.6.
    else if (name.toLowerCase() === 'from') findings.fault(place, 'no message is one without its From');
  });
}
