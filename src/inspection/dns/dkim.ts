// Owns the judgement on a DKIM key record (RFC 6376 §3.6.1): there, not revoked, strong enough.

import { createPublicKey } from 'node:crypto';
import { type Finding, ok, problem, warning } from '../findings.ts';
import { readTags } from './tags.ts';

/** @param name such as `mail._domainkey.example.org` */
export function judgeDkim(name: string, texts: readonly string[]): Finding {
  const [text, second] = texts;
  if (text === undefined) {
    return problem(
      'dkim',
      `${name} has no key: receivers cannot verify signatures made with this selector`,
      'Publish the key, or see how the signing server names its selector.',
    );
  }
  if (second !== undefined) {
    const means = `${name} has more than one TXT record; which one counts is left to chance (RFC 6376 §3.6.2.2)`;
    return problem('dkim', means, 'Leave one.');
  }
  const tags = readTags(text);
  const key = tags?.get('p');
  if (tags === undefined || key === undefined || (tags.get('v') ?? 'DKIM1') !== 'DKIM1') {
    const means = `${name} is no DKIM key record: ${text.slice(0, 60)}`;
    return problem('dkim', means, 'Publish it as the signing server gives it out.');
  }
  if (key === '')
    return problem('dkim', `the key ${name} is revoked (p= is empty)`, 'Sign with another selector.');
  return judgeKey(name, tags, key);
}

function judgeKey(name: string, tags: ReadonlyMap<string, string>, key: string): Finding {
  const type = (tags.get('k') ?? 'rsa').toLowerCase();
  const bits = type === 'rsa' ? rsaBits(key) : undefined;
  if (type === 'rsa' && bits === undefined) {
    const means = `the key ${name} cannot be read: its text may have been cut off`;
    return problem('dkim', means, 'Publish it again; longer texts go into DNS in several parts.');
  }
  // RFC 8301 §3.2
  if (bits !== undefined && bits < 1024)
    return problem(
      'dkim',
      `the key ${name} has ${bits} bits; receivers ignore it`,
      'Take RSA with 2048 bits.',
    );
  if (!(tags.get('h') ?? 'sha256').toLowerCase().includes('sha256')) {
    const means = `the key ${name} is for SHA-1 only, which receivers ignore (RFC 8301)`;
    return problem('dkim', means, 'Take the tag h= out, and sign with rsa-sha256.');
  }
  if (/(^|:)\s*y\s*(:|$)/i.test(tags.get('t') ?? '')) {
    const means = `the key ${name} is marked as a test (t=y): receivers treat signed mail like unsigned`;
    return warning('dkim', means, 'Take t=y out when signing works.');
  }
  if (bits !== undefined && bits < 2048)
    return warning('dkim', `the key ${name} has ${bits} bits`, 'Take RSA with 2048 bits (RFC 8301 §3.2).');
  return ok('dkim', `the key ${name} is there: ${type}${bits === undefined ? '' : ` with ${bits} bits`}`);
}

/** SubjectPublicKeyInfo, and the bare RSAPublicKey that some publish. */
function rsaBits(text: string): number | undefined {
  const key = Buffer.from(text.replace(/\s/g, ''), 'base64');
  for (const type of ['spki', 'pkcs1'] as const) {
    try {
      return createPublicKey({ key, format: 'der', type }).asymmetricKeyDetails?.modulusLength;
    } catch {
      // Perhaps the other form.
    }
  }
  return undefined;
}
