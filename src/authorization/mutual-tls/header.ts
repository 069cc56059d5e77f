// Owns the header in which the reverse proxy hands over a client's certificate, since the client's TLS ends there.

import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createNetworks } from '../../network.ts';

/** The certificate of the connection that a request came by; undefined where none was shown; or why it cannot be taken. */
export type CertificateReader = (
  request: Pick<IncomingMessage, 'rawHeaders' | 'socket'>,
  now: number,
) => X509Certificate | undefined | { readonly fault: string };

/**
 * That the client holds the key is what the handshake has proved to the proxy, and all that its word is taken for. Who issued the
 * certificate is not asked here: it is compared with those registered (RFC 8705 §2.2), or judged by authorities.ts (§2.1), or names the
 * one that a token is bound to.
 */
export function createCertificateReader(given: {
  /** Its name. */
  readonly header: string;
  /** Networks of the proxies. */
  readonly from: readonly string[];
}): CertificateReader {
  const name = given.header;
  const proxies = createNetworks(given.from);
  const wanted = name.toLowerCase();
  return ({ rawHeaders, socket }, now) => {
    // The raw lines: Node makes one of several, and then nobody can tell whose they were.
    const values = rawHeaders.filter(
      (_value, at) => rawHeaders[at - 1]?.toLowerCase() === wanted && at % 2 === 1,
    );
    const [value] = values;
    if (value === undefined) return undefined;
    // A certificate is no secret: whoever may write the header may be anybody.
    if (!proxies.contains(socket.remoteAddress ?? '')) {
      return {
        fault: `${name} came from ${socket.remoteAddress}, which is not in reverseProxy.from`,
      };
    }
    if (values.length > 1) {
      return {
        fault: `${name} stands there ${values.length} times; the proxy must overwrite what the client sent`,
      };
    }
    // nginx writes an empty value where no certificate was shown.
    if (value.trim() === '') return undefined;
    const certificate = readCertificate(value.trim());
    if (certificate === undefined) return { fault: `${name} holds no certificate that can be read` };
    return faultOfDates(certificate, now) ?? certificate;
  };
}

/** @param value bounded by Node: 16 KiB for all headers together */
function readCertificate(value: string): X509Certificate | undefined {
  const der = derOf(value);
  if (der === undefined) return undefined;
  try {
    const certificate = new X509Certificate(der);
    // OpenSSL reads the first and passes over what follows; RFC 9440 §2.2 has one, and nothing else.
    return certificate.raw.equals(der) ? certificate : undefined;
  } catch {
    return undefined;
  }
}

function derOf(value: string): Buffer | undefined {
  // RFC 9440 §2.2: a byte sequence (RFC 8941 §3.3.5) of the DER form.
  const bytes = /^:([A-Za-z0-9+/]+={0,2}):$/.exec(value)?.[1];
  if (bytes !== undefined) return Buffer.from(bytes, 'base64');
  // nginx: the PEM form, percent-encoded.
  const block = PEM.exec(unescaped(value))?.[1];
  return block === undefined ? undefined : Buffer.from(block, 'base64');
}

// Apache: the PEM form, with spaces for its line breaks.
const PEM = /^-----BEGIN CERTIFICATE-----\s([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*$/;

function unescaped(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return '';
  }
}

// Nobody else looks: a proxy that lets in certificates of any issuer (`optional_no_ca`) may let in those of any age.
function faultOfDates(certificate: X509Certificate, now: number): { readonly fault: string } | undefined {
  const day = (time: Date) => time.toISOString().slice(0, 10);
  const { validFromDate, validToDate } = certificate;
  if (validToDate.getTime() < now) return { fault: `the client certificate expired on ${day(validToDate)}` };
  if (validFromDate.getTime() > now) {
    return { fault: `the client certificate is not valid before ${day(validFromDate)}` };
  }
  return undefined;
}
