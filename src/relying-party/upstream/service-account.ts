// Owns the reading of the key file that Google hands out for a service account.

import { isKeyFault, readSigningKey, type SigningKey } from '../../client-proof/signing-key.ts';

export interface ServiceAccount {
  readonly clientEmail: string;
  readonly tokenUri: string;
  readonly signingKey: SigningKey;
}

const TOKEN_URI = 'https://oauth2.googleapis.com/token';

/** The account, or what is wrong with the text; that holds nothing of the key. */
export function readServiceAccount(text: string): ServiceAccount | string {
  const file = parse(text);
  if (file === undefined) return 'is not the JSON key file of a service account; download a key of type JSON';
  if (file['type'] !== 'service_account') {
    return 'is a JSON file, but not the key of a service account (its `type` is not service_account)';
  }
  const { client_email: clientEmail, private_key: pem, private_key_id: keyId, token_uri: tokenUri } = file;
  if (typeof clientEmail !== 'string' || clientEmail === '') return 'lacks client_email';
  if (typeof pem !== 'string') return 'lacks private_key';
  const signingKey = readSigningKey({ key: pem, keyId: typeof keyId === 'string' ? keyId : undefined });
  if (isKeyFault(signingKey)) return `private_key ${signingKey.message}`;
  return {
    clientEmail,
    tokenUri: typeof tokenUri === 'string' ? tokenUri : TOKEN_URI,
    signingKey,
  };
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
