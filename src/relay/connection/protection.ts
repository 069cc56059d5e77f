// Owns what TLS to the upstream has to be like: whose certificates are believed, which one is pinned, which one Postern shows.

import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { isIP } from 'node:net';
import {
  type ConnectionOptions,
  checkServerIdentity,
  createSecureContext,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import { type Refusal, refuse } from '../../refusal.ts';
import type { UpstreamSettings } from '../settings.ts';

/**
 * Options for `tls.connect`, or `upstream-unavailable` where a file can't be used just now. The files are read anew each time, so
 * that renewed ones count, and one that is just being replaced costs no more than this try.
 *
 * @param serverName what the certificate must bear, a host name or an address
 */
export async function readProtection(
  settings: UpstreamSettings,
  serverName: string,
): Promise<ConnectionOptions | Refusal> {
  const context = await readContext(settings);
  if ('refused' in context) return context;
  const { tls, fingerprints } = settings;
  return {
    secureContext: context,
    // RFC 6066 §3: addresses are not permitted in SNI.
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    // RFC 7435 §3: what goes in clear text where it must is not worth a refusal over a name. A pinned certificate needs no authority,
    // no name and no date: `isPinned` looks at it before anything but EHLO is said.
    rejectUnauthorized: tls !== 'opportunistic' && fingerprints === undefined,
    // Named here, because the name in the options is that of SNI, or the address connected to.
    checkServerIdentity: (_, certificate) => checkServerIdentity(serverName, certificate),
  };
}

async function readContext(settings: UpstreamSettings): Promise<SecureContext | Refusal> {
  const { ca, clientCertificate: own } = settings;
  let files: { ca?: Buffer; cert?: Buffer; key?: Buffer };
  try {
    files = {
      ...(ca === undefined ? {} : { ca: await readFile(ca) }),
      ...(own ? { cert: await readFile(own.certificate), key: await readFile(own.key) } : {}),
    };
  } catch (error) {
    const { path, code } = error as NodeJS.ErrnoException;
    return refuse('upstream-unavailable', `${path} can’t be read (${code})`);
  }
  try {
    // RFC 8997: nothing older than TLS 1.2.
    return createSecureContext({ minVersion: 'TLSv1.2', ...files });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const which = own ? `${own.certificate} with the key ${own.key}` : ca;
    return refuse('upstream-unavailable', `${which} can’t be used for TLS (${code ?? message})`);
  }
}

/** Whether the certificate of a connected socket is one of the pinned ones; else the refusal names the one found. */
export function isPinned(socket: Socket, fingerprints: readonly string[], where: string): true | Refusal {
  const found = (socket as Partial<TLSSocket>).getPeerX509Certificate?.()?.fingerprint256;
  if (found !== undefined && fingerprints.some((pinned) => digits(pinned) === digits(found))) return true;
  return refuse(
    'upstream-unavailable',
    found === undefined
      ? `${where} showed no certificate to compare with \`fingerprints\``
      : `${where}: its certificate has the SHA-256 fingerprint ${found}, which is not among \`fingerprints\`; add it if the certificate was renewed, else somebody is in between`,
  );
}

const digits = (fingerprint: string): string => fingerprint.replaceAll(':', '').toLowerCase();
