// Checks of the programs and apps that may ask for tokens: each can be used, and none more widely than it says.

import { createPublicKey } from 'node:crypto';
import { canonicalAddress } from '../../address.ts';
import { type Place, quote } from '../fault.ts';
import { isLoopback } from '../hosts.ts';
import type { CheckInput } from './check.ts';

export function checkClients(input: CheckInput): void {
  const seen = new Map<string, number>();
  input.settings.authorization.clients.forEach((client, index) => {
    const place = ['authorization', 'clients', index];
    const earlier = seen.get(client.clientId);
    if (earlier !== undefined) {
      input.findings.fault(
        [...place, 'clientId'],
        `${quote(client.clientId)} is already the name of authorization.clients[${earlier}]`,
      );
    }
    seen.set(client.clientId, earlier ?? index);
    // RFC 6749 appendix A.1: client_id is printable ASCII.
    if (!/^[\x20-\x7e]+$/.test(client.clientId)) {
      input.findings.fault([...place, 'clientId'], 'may hold printable ASCII characters only');
    }
    if (client.redirectUris.length === 0 && client.sendAs.length === 0 && client.deviceGrant !== true) {
      input.findings.fault(
        place,
        'can do nothing: give redirectUris or deviceGrant (people sign in through it) or sendAs (it sends by itself)',
      );
    }
    const proofs = PROOFS.filter((name) => client[name] !== undefined);
    if (proofs.length > 1) {
      const both = proofs.length === 2 ? 'both ' : '';
      input.findings.fault(place, `has ${both}${proofs.join(' and ')}; a client proves itself in one way`);
    }
    client.redirectUris.forEach((uri, position) => {
      const fault = faultOfRedirect(uri);
      if (fault !== undefined) input.findings.fault([...place, 'redirectUris', position], fault);
    });
  });
}

const PROOFS = ['clientSecret', 'jwks', 'certificates', 'certificateSubject'] as const;

export function checkDeviceGrant({ settings, findings }: CheckInput): void {
  const { clients, deviceGrant } = settings.authorization;
  clients.forEach((client, index) => {
    if (client.deviceGrant !== true || deviceGrant.enabled) return;
    findings.fault(
      ['authorization', 'clients', index, 'deviceGrant'],
      'is not possible while authorization.deviceGrant.enabled is false; take out one of the two',
    );
  });
}

export function checkSendAs(input: CheckInput): void {
  input.settings.authorization.clients.forEach((client, index) => {
    const place = ['authorization', 'clients', index];
    if (client.sendAs.length > 0 && PROOFS.every((name) => client[name] === undefined)) {
      // RFC 6749 §4.4: the client credentials grant is for confidential clients only.
      input.findings.fault(
        [...place, 'sendAs'],
        'needs clientSecret, jwks, certificates or certificateSubject; without them anyone could send as these addresses',
      );
    }
    client.sendAs.forEach((address, position) => {
      const fault = faultOfSender(address);
      if (fault !== undefined) input.findings.fault([...place, 'sendAs', position], fault);
    });
  });
}

export function checkClientKeys(input: CheckInput): void {
  input.settings.authorization.clients.forEach((client, index) => {
    if (client.jwks === undefined) return;
    const fault = faultOfKeySet(input.readFile(client.jwks).content.toString('utf8'));
    const place: Place = ['authorization', 'clients', index, 'jwks'];
    if (fault !== undefined) input.findings.fault(place, `${client.jwks} ${fault}`);
  });
}

function faultOfSender(address: string): string | undefined {
  if (canonicalAddress(address) === undefined) {
    return `${quote(address)} is not a mail address such as "billing@example.org"`;
  }
  // It is a valid address, but nobody who writes it means that one.
  return address.startsWith('*@') ? 'there is no wildcard; name each address' : undefined;
}

function faultOfRedirect(uri: string): string | undefined {
  if (!URL.canParse(uri)) return `expected a URL; found ${quote(uri)}`;
  const url = new URL(uri);
  // RFC 6749 §3.1.2: the redirection endpoint must not include a fragment.
  if (uri.includes('#')) return 'must have no fragment (the part from #)';
  if (url.username !== '' || url.password !== '') return 'must hold no user name or password';
  if (url.protocol === 'https:') return undefined;
  if (url.protocol === 'http:') {
    return isLoopback(url.hostname)
      ? undefined
      : 'must be https; http is for programs on the user’s own machine (127.0.0.1, [::1], localhost)';
  }
  // RFC 8252 §7.1: a private-use scheme is a reversed domain name; it keeps out javascript:, data: and the like.
  if (url.protocol.includes('.')) return undefined;
  return 'must be https, http on loopback, or a private scheme such as "org.example.app:/callback"';
}

function faultOfKeySet(text: string): string | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return 'is not JSON';
  }
  const keys = typeof parsed === 'object' && parsed !== null && 'keys' in parsed ? parsed.keys : undefined;
  // RFC 7517 §5.
  if (!Array.isArray(keys) || keys.length === 0)
    return 'is not a key set: expected {"keys": [ … ]} with at least one key';
  for (const [index, key] of keys.entries()) {
    const fault = faultOfKey(key);
    if (fault !== undefined) return `keys[${index}] ${fault}`;
  }
  return undefined;
}

function faultOfKey(key: unknown): string | undefined {
  if (typeof key !== 'object' || key === null) return 'is not an object';
  const kind = 'kty' in key ? key.kty : undefined;
  if (kind === 'oct' || 'd' in key || 'k' in key) {
    return 'is a private or shared key; the client keeps that, Postern needs the public one only';
  }
  if (kind !== 'EC' && kind !== 'RSA' && kind !== 'OKP') return 'has a kty other than EC, RSA or OKP';
  try {
    const { asymmetricKeyDetails } = createPublicKey({ key: { ...key }, format: 'jwk' });
    // RFC 7518 §3.3, §3.5: RSA keys of 2048 bits or more.
    const bits = asymmetricKeyDetails?.modulusLength;
    return bits !== undefined && bits < 2048 ? 'is an RSA key of fewer than 2048 bits' : undefined;
  } catch {
    return 'is not a valid public key';
  }
}
