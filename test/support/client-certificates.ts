// Client certificates as a reverse proxy hands them over, and the settings of a browser's door that looks for them.

import { createHash, X509Certificate } from 'node:crypto';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AuthorizationSettings } from '../../src/authorization/settings.ts';
import { basic, type TestDoor } from './authorization-server.ts';

export const HEADER = 'client-cert';

/** RFC 9440 §2.2. */
export function asBytes(pem: string): string {
  return `:${new X509Certificate(pem).raw.toString('base64')}:`;
}

/** What nginx makes of `$ssl_client_escaped_cert`. */
export function asEscapedPem(pem: string): string {
  return encodeURIComponent(pem);
}

/** What Apache makes of `%{SSL_CLIENT_CERT}s`. */
export function asPemInOneLine(pem: string): string {
  return pem.replaceAll('\n', ' ');
}

/** RFC 8705 §3.1. */
export function thumbprint(pem: string): string {
  return createHash('sha256').update(new X509Certificate(pem).raw).digest('base64url');
}

export function behindProxy(changes: Partial<AuthorizationSettings>): Partial<AuthorizationSettings> {
  return {
    reverseProxy: { from: ['127.0.0.1'], clientCertificateHeader: 'Client-Cert' },
    ...changes,
  };
}

export interface Sent {
  readonly header?: string | string[];
  /** Identifier of a client that proves itself by its certificate, or with its secret. */
  readonly client?: string | { readonly id: string; readonly secret: string };
  readonly path?: string;
  readonly form?: Record<string, string>;
  /** Address the request comes from, of this machine. */
  readonly from?: string;
}

/** To a door that listens: over a socket, since what counts is who is at its other end and how often a line is there. */
export async function sendForm(
  door: TestDoor,
  { header, client = '', path = '/token', form = {}, from = '127.0.0.1' }: Sent,
): Promise<{ status: number; json: Record<string, unknown> }> {
  const { port } = door.server.app.server.address() as AddressInfo;
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const sent = request({
    host: '127.0.0.1',
    localAddress: from,
    port,
    path,
    method: 'POST',
    agent: false,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      ...(header !== undefined && { [HEADER]: header }),
      ...(typeof client === 'object' && { authorization: basic(client) }),
    },
  });
  sent.on('error', reject).on('response', (response) => {
    let text = '';
    response.on('data', (part) => (text += String(part)));
    response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
  });
  const all = path === '/token' ? { grant_type: 'client_credentials', ...form } : form;
  sent.end(String(new URLSearchParams(typeof client === 'object' ? all : { client_id: client, ...all })));
  const { status, text } = await promise;
  return { status, json: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> };
}
