// Owns what signs: the keys by domain, and one message on its way to a signature.

import { readFileSync } from 'node:fs';
import { domainToASCII } from 'node:url';
import { BodyHash } from './canonical.ts';
import { readPrivateKey } from './key.ts';
import type { DkimSettings } from './settings.ts';
import { type Covered, type SigningKey, signatureFields } from './signature.ts';
import { createSpools, type Spool, type Spools } from './spool.ts';

export interface Dkim {
  /** The way of one message to its signatures; undefined where no key is for that domain or one above it. */
  begin(domain: string): Signing | undefined;
}

export interface Signing {
  /** Where the public keys of its signatures stand in DNS, `selector._domainkey.domain` (RFC 6376 §3.6.2.1). */
  readonly keyNames: readonly string[];
  /** Where the message waits. Closed by whoever has begun this. */
  readonly spool: Spool;
  /** Octets of the body, dot-stuffing undone. */
  update(body: Buffer): void;
  /**
   * The signature fields, to stand above the header; once, when the body is complete.
   *
   * @param header one character for each octet, dot-stuffing undone
   * @param time milliseconds since the epoch
   */
  fields(header: string, time: number): Promise<string>;
}

export interface DkimFault {
  readonly path: string;
  readonly message: string;
}

/** Reads the keys and tries the spool; what cannot be used is told as faults of settings. */
export function openDkim(settings: DkimSettings): Dkim | { readonly faults: readonly DkimFault[] } {
  const faults: DkimFault[] = [];
  const keys = new Map<string, SigningKey[]>();
  settings.keys.forEach(({ domain, selector, privateKey }, index) => {
    const read = readKeyFile(privateKey);
    if (typeof read === 'string') faults.push({ path: `dkim.keys[${index}].privateKey`, message: read });
    else {
      const name = dnsForm(domain);
      keys.set(name, [...(keys.get(name) ?? []), { ...read, domain: name, selector }]);
    }
  });
  const spools = createSpools(settings);
  const unusable = spools.whyUnusable();
  if (unusable !== undefined) faults.push({ path: 'dkim.spoolFolder', message: unusable });
  return faults.length > 0 ? { faults } : createDkim({ keys, spools, settings });
}

function createDkim(parts: {
  keys: ReadonlyMap<string, readonly SigningKey[]>;
  spools: Spools;
  settings: DkimSettings;
}): Dkim {
  const lower = (names: readonly string[]): string[] => names.map((name) => name.toLowerCase());
  const covered: Covered = {
    signed: lower(parts.settings.signedFields),
    sealed: lower(parts.settings.sealedFields),
  };
  return {
    begin(domain) {
      const keys = keysFor(parts.keys, domain);
      if (!keys) return undefined;
      const body = new BodyHash();
      return {
        keyNames: keys.map(({ selector, domain: name }) => `${selector}._domainkey.${name}`),
        spool: parts.spools.begin(),
        update: (bytes) => body.update(bytes),
        fields: (header, time) => signatureFields({ keys, covered, header, bodyHash: body.digest(), time }),
      };
    },
  };
}

/** The nearest above counts: its d= is aligned with From in DMARC's relaxed sense (RFC 7489 §3.1.1). */
function keysFor(
  keys: ReadonlyMap<string, readonly SigningKey[]>,
  domain: string,
): readonly SigningKey[] | undefined {
  const labels = dnsForm(domain).split('.');
  return labels.map((_, index) => keys.get(labels.slice(index).join('.'))).find((found) => found);
}

/** RFC 6376 §3.5: a name with letters beyond ASCII stands in its `xn--` form. */
const dnsForm = (domain: string): string => domainToASCII(domain) || domain.toLowerCase();

function readKeyFile(file: string) {
  try {
    return readPrivateKey(readFileSync(file, 'utf8'), file);
  } catch (error) {
    return `${file} cannot be read (${(error as NodeJS.ErrnoException).code})`;
  }
}
