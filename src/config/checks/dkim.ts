// Checks of DKIM: each key can sign, for a domain and under a selector that DNS can hold, and a signature covers what it should.

import { domainToASCII } from 'node:url';
import { readPrivateKey } from '../../dkim/key.ts';
import { type Place, quote } from '../fault.ts';
import { isHostName } from '../hosts.ts';
import type { CheckInput } from './check.ts';

/** RFC 8301 §3.2 asks for 2048, and only up to 4096 must a verifier be able to check. */
const GOOD_BITS = 2048;
const MOST_BITS = 4096;

export function checkDkimKeys(input: CheckInput): void {
  const seen = new Map<string, number>();
  const algorithms = new Map<string, { place: Place; rsa: boolean }>();
  input.settings.dkim?.keys.forEach((key, index) => {
    const place = ['dkim', 'keys', index];
    const domain = checkDomain(input, [...place, 'domain'], key.domain);
    checkSelector(input, [...place, 'selector'], key.selector);
    const algorithm = checkKeyFile(input, [...place, 'privateKey'], key.privateKey);
    const id = `${key.selector.toLowerCase()}._domainkey.${domain}`;
    const earlier = seen.get(id);
    if (earlier !== undefined) {
      input.findings.fault(
        [...place, 'selector'],
        `${quote(key.selector)} is already the selector of dkim.keys[${earlier}] for ${domain}; in DNS each key needs one of its own`,
      );
    }
    seen.set(id, earlier ?? index);
    const known = algorithms.get(domain);
    const rsa = algorithm !== 'ed25519-sha256' || known?.rsa === true;
    algorithms.set(domain, { place: known?.place ?? place, rsa });
  });
  for (const [domain, { place, rsa }] of algorithms) {
    if (rsa) continue;
    // RFC 8463 §5.1: a signer that also signs with RSA reaches those who do not know Ed25519 yet.
    input.findings.danger(
      place,
      `${domain} has no RSA key; many mail servers do not know Ed25519 yet and take its mail for unsigned`,
    );
  }
}

/** Not to be signed: they change on the way, or come after the signature (RFC 6376 §5.4.1, §3.5; RFC 8601 §5; RFC 8617 §4.1). */
const CHANGING = new Set([
  'dkim-signature',
  'received',
  'return-path',
  'authentication-results',
  'delivered-to',
  'bcc',
  'resent-bcc',
  'arc-seal',
  'arc-message-signature',
  'arc-authentication-results',
]);

// RFC 5322 §2.2, without the semicolon, which ends the list in a signature.
const FIELD_NAME = /^[!-9<-~]+$/;

export function checkDkimFields({ settings, findings }: CheckInput): void {
  const { dkim } = settings;
  if (dkim === undefined) return;
  for (const list of ['sealedFields', 'signedFields'] as const) {
    dkim[list].forEach((name, index) => {
      const place = ['dkim', list, index];
      if (!FIELD_NAME.test(name))
        findings.fault(place, `${quote(name)} is not a field name such as "Subject"`);
      else if (CHANGING.has(name.toLowerCase())) {
        findings.fault(place, `${name} changes on the way, which would break every signature; leave it out`);
      }
    });
  }
  const names = new Set([...dkim.sealedFields, ...dkim.signedFields].map((name) => name.toLowerCase()));
  if (!names.has('from')) {
    findings.fault(['dkim', 'sealedFields'], 'lacks From, which every signature must cover (RFC 6376 §5.4)');
  } else if (!dkim.sealedFields.some((name) => name.toLowerCase() === 'from')) {
    findings.danger(
      ['dkim', 'sealedFields'],
      'lacks From: somebody may add a second one to a signed message, and the signature stays good (RFC 6376 §8.15)',
    );
  }
}

function checkDomain({ findings }: CheckInput, place: Place, domain: string): string {
  const ascii = domainToASCII(domain);
  if (!isHostName(ascii) || !ascii.includes('.') || /^[0-9.]+$/.test(ascii)) {
    findings.fault(place, `${quote(domain)} is not a domain such as "example.org"`);
  }
  return ascii;
}

function checkSelector({ findings }: CheckInput, place: Place, selector: string): void {
  // RFC 6376 §3.1: labels as in a domain.
  if (isHostName(selector)) return;
  findings.fault(
    place,
    `${quote(selector)} cannot stand in DNS; letters, digits and hyphens make a selector, such as "mail-2026"`,
  );
}

function checkKeyFile(input: CheckInput, place: Place, file: string): string | undefined {
  const { content, mode } = input.readFile(file);
  if ((mode & 0o004) !== 0) {
    input.findings.danger(
      place,
      `everyone on this machine may read the private key ${file}, and sign as the domain; chmod o-r it`,
    );
  }
  const key = readPrivateKey(content.toString('utf8'), file);
  if (typeof key === 'string') {
    input.findings.fault(place, key);
    return undefined;
  }
  const { algorithm, bits = GOOD_BITS } = key;
  if (bits < GOOD_BITS) {
    input.findings.danger(place, `${file} has ${bits} bits only; RFC 8301 asks for ${GOOD_BITS}`);
  } else if (bits > MOST_BITS) {
    input.findings.danger(
      place,
      `${file} has ${bits} bits; beyond ${MOST_BITS} many mail servers cannot check the signature (RFC 8301 §3.2)`,
    );
  }
  return algorithm;
}
