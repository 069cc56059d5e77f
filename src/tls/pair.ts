// Owns the reading of a certificate with its key: whether they can be used, for which names, until when.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';

/** PEM texts, or the files that hold them. */
export interface PairTexts {
  readonly certificate: string;
  readonly key: string;
}

export interface Pair extends PairTexts {
  /** The server's own certificate. */
  readonly leaf: X509Certificate;
  /** DNS names of the certificate, a wildcard among them as it stands there. */
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface PairFault {
  readonly concerns: 'certificate' | 'key';
  /** For the operator; holds nothing of the key. */
  readonly message: string;
}

/** @param files for the messages. */
export function readPair(
  texts: PairTexts,
  files: PairTexts,
): Pair | { readonly faults: readonly PairFault[] } {
  const chain = readCertificates(texts.certificate, files.certificate);
  const key = readKey(texts.key, files.key);
  const faults: PairFault[] = [];
  if (typeof chain === 'string') faults.push({ concerns: 'certificate', message: chain });
  if (typeof key === 'string') faults.push({ concerns: 'key', message: key });
  const leaf = typeof chain === 'string' ? undefined : chain[0];
  if (leaf === undefined || typeof key === 'string') return { faults };
  if (!leaf.checkPrivateKey(key)) {
    return {
      faults: [
        {
          concerns: 'key',
          message:
            'does not belong to the certificate; the server’s own certificate must come first in its file',
        },
      ],
    };
  }
  const refusal = whyRefused(texts);
  if (refusal !== undefined) {
    return {
      faults: [{ concerns: 'certificate', message: `${files.certificate} cannot be used: ${refusal}` }],
    };
  }
  return {
    ...texts,
    leaf,
    names: dnsNames(leaf),
    notBefore: Date.parse(leaf.validFrom),
    notAfter: Date.parse(leaf.validTo),
  };
}

const BLOCK = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Every certificate of a PEM text, or what is wrong with it. */
export function readCertificates(text: string, file: string): readonly X509Certificate[] | string {
  const blocks = text.match(BLOCK) ?? [];
  const begun = text.split('-----BEGIN CERTIFICATE-----').length - 1;
  if (begun === 0) {
    return `${file} holds no certificate in PEM form (it begins with -----BEGIN CERTIFICATE-----)`;
  }
  try {
    if (blocks.length < begun) throw new Error('a block has no end');
    return blocks.map((block) => new X509Certificate(block));
  } catch {
    return `${file} holds a certificate that cannot be read; is it cut off?`;
  }
}

function readKey(text: string, file: string): KeyObject | string {
  try {
    return createPrivateKey(text);
  } catch {
    // The library's own message is left out: it may quote what stands in the file.
    return `${file} ${whyNoKey(text)}`;
  }
}

function whyNoKey(text: string): string {
  if (/BEGIN ENCRYPTED|4,ENCRYPTED/.test(text))
    return 'is encrypted with a passphrase; store it decrypted, readable to Postern only';
  if (/BEGIN [A-Z ]*PRIVATE KEY/.test(text)) return 'holds a private key that cannot be read; is it cut off?';
  return 'holds no private key in PEM form (it begins with -----BEGIN PRIVATE KEY-----)';
}

/** What OpenSSL has against a pair that fits together, such as `ee key too small`. */
function whyRefused({ certificate, key }: PairTexts): string | undefined {
  try {
    createSecureContext({ cert: certificate, key, ca: [] });
    return undefined;
  } catch (error) {
    return String((error as { reason?: unknown }).reason ?? 'OpenSSL refuses it');
  }
}

/** RFC 9525 §6.3: names stand in subjectAltName; the common name counts for nothing. */
function dnsNames(leaf: X509Certificate): string[] {
  // A value with a comma or a quote in it is no DNS name; Node writes it as JSON.
  const entries = (leaf.subjectAltName ?? '').matchAll(/([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g);
  return [...entries].flatMap(([, kind, value = '']) =>
    kind === 'DNS' && !value.startsWith('"') ? [value.toLowerCase()] : [],
  );
}
