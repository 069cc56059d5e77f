// Owns how configured clients become what the OAuth server knows about them (RFC 7591 §2), and the built-in one.

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ClientMetadata, JWKS } from 'oidc-provider';
import { SUBJECT_KINDS } from './mutual-tls/subject.ts';
import { SUBJECT_METADATA } from './provider/client-certificate.ts';
import type { ClientSettings } from './settings.ts';

/** The command line's own client; present unless the operator configures one of that name. */
export const COMMAND_LINE_CLIENT: ClientSettings = {
  clientId: 'postern-cli',
  name: 'Postern command line',
  redirectUris: ['http://127.0.0.1/callback', 'http://[::1]/callback', 'http://localhost/callback'],
  sendAs: [],
  deviceGrant: true,
};

export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

/**
 * Metadata of every client. Rejects with an Error that names the client where its key file cannot be read; the rest was
 * checked when the settings were loaded.
 */
export async function clientMetadata(
  clients: readonly ClientSettings[],
  offered: { readonly deviceGrant: boolean },
): Promise<ClientMetadata[]> {
  const isConfigured = clients.some((client) => client.clientId === COMMAND_LINE_CLIENT.clientId);
  const all = isConfigured ? clients : [...clients, COMMAND_LINE_CLIENT];
  return Promise.all(all.map((client) => metadataOf(client, offered)));
}

async function metadataOf(
  client: ClientSettings,
  offered: { readonly deviceGrant: boolean },
): Promise<ClientMetadata> {
  const proof = await proofOf(client);
  const hasBrowser = client.redirectUris.length > 0;
  const grantTypes = hasBrowser ? ['authorization_code'] : [];
  if (client.deviceGrant === true && offered.deviceGrant) grantTypes.push(DEVICE_GRANT);
  if (grantTypes.length > 0) grantTypes.push('refresh_token');
  // RFC 6749 §4.4: the client credentials grant is for confidential clients only.
  if (client.sendAs.length > 0 && proof.token_endpoint_auth_method !== 'none') {
    grantTypes.push('client_credentials');
  }
  return {
    client_id: client.clientId,
    client_name: client.name ?? client.clientId,
    application_type: client.redirectUris.every(isNativeRedirect) ? 'native' : 'web',
    redirect_uris: client.redirectUris.flatMap(spellings),
    response_types: hasBrowser ? ['code'] : [],
    grant_types: grantTypes,
    ...(client.certificateBoundTokens === true && { tls_client_certificate_bound_access_tokens: true }),
    ...proof,
  };
}

type Proof = Pick<
  ClientMetadata,
  | 'token_endpoint_auth_method'
  | 'client_secret'
  | 'jwks'
  | (typeof SUBJECT_METADATA)[keyof typeof SUBJECT_METADATA]
>;

async function proofOf(client: ClientSettings): Promise<Proof> {
  if (client.jwks !== undefined) {
    return {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: await readKeys(client.clientId, client.jwks),
    };
  }
  if (client.certificates !== undefined) {
    return {
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      jwks: { keys: await readCertificateKeys(client.clientId, client.certificates) },
    };
  }
  if (client.certificateSubject !== undefined) {
    const subject = client.certificateSubject;
    const given = SUBJECT_KINDS.flatMap((kind) => {
      const text = subject[kind];
      return text === undefined ? [] : [[SUBJECT_METADATA[kind], text]];
    });
    return { token_endpoint_auth_method: 'tls_client_auth', ...Object.fromEntries(given) };
  }
  if (client.clientSecret !== undefined) {
    // Registered as one of the two, the secret is taken by either (RFC 6749 §2.3.1).
    return {
      token_endpoint_auth_method: 'client_secret_basic',
      client_secret: client.clientSecret.reveal(),
    };
  }
  return { token_endpoint_auth_method: 'none' };
}

async function readKeys(clientId: string, file: string): Promise<JWKS> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as JWKS;
  } catch (cause) {
    throw new Error(`client ${clientId}: cannot read the key set ${file}`, { cause });
  }
}

// RFC 8705 §2.2.2: a registered certificate is the `x5c` of a key; which one was shown is found by its hash.
async function readCertificateKeys(clientId: string, files: readonly string[]): Promise<JWKS['keys']> {
  return Promise.all(
    files.map(async (file) => {
      try {
        const { publicKey, raw } = new X509Certificate(await readFile(file));
        return { ...publicKey.export({ format: 'jwk' }), x5c: [raw.toString('base64')] } as JWKS['keys'][0];
      } catch (cause) {
        throw new Error(`client ${clientId}: cannot read the certificate ${file}`, { cause });
      }
    }),
  );
}

const LOOPBACK = new Set(['127.0.0.1', '[::1]', 'localhost']);

// The OAuth server leaves the port out of the comparison for native clients only, and takes for one what fits this.
function isNativeRedirect(uri: string): boolean {
  const url = new URL(uri);
  return url.protocol === 'https:' ? !LOOPBACK.has(url.hostname) : isNativePlain(url);
}

function isNativePlain(url: URL): boolean {
  return url.protocol !== 'http:' || LOOPBACK.has(url.hostname);
}

/**
 * The forms in which a registered redirect URI comes back. RFC 3986 §6.2.3: an empty path is the same as "/". Thunderbird
 * registers the bare `http://127.0.0.1`, and libraries that parse it write the slash.
 */
export function spellings(uri: string): string[] {
  const bare = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost)(?::\d+)?)\/?$/.exec(uri)?.[1];
  return bare === undefined ? [uri] : [bare, `${bare}/`];
}
