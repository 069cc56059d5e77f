// Owns the finding of programs that the operator did not configure, by the `client_id` they bring, and who vouches for them.

import { type ClientMetadata, errors } from 'oidc-provider';
import { spellings } from '../clients.ts';
import { readDocumentAddress } from './document-address.ts';
import { type Documents, isUnusable } from './documents.ts';
import { type Identifiers, looksRegistered } from './identifier.ts';
import { isAllowedBy } from './redirect-pattern.ts';
import { readRedirectUri } from './redirect-uri.ts';
import { grantTypes } from './registration-request.ts';
import type { RegistrationSettings } from './settings.ts';

export interface OpenClients {
  /**
   * Undefined where there is no such program, or none such is wanted any more. Throws an error of the OAuth server's where a
   * document about the program could not be used; what it tells the program says nothing of our network.
   */
  find(clientId: string, peer: string): Promise<ClientMetadata | undefined>;
  /** For the consent page. */
  voucherOf(clientId: string): Voucher;
}

/** Who says that a program is what it calls itself: the operator, nobody, or whoever has the host in hand. */
export type Voucher =
  | { readonly kind: 'operator' }
  | { readonly kind: 'nobody' }
  | { readonly kind: 'document'; readonly host: string };

export interface OpenClientsOptions {
  readonly registration: RegistrationSettings;
  readonly identifiers: Identifiers;
  readonly documents: Documents;
  readonly deviceGrant: boolean;
  /** Identifiers of configured clients, which come first. */
  readonly configured: readonly string[];
}

export function createOpenClients(options: OpenClientsOptions): OpenClients {
  const { documents } = options;
  const configured = new Set(options.configured);
  return {
    async find(clientId, peer) {
      if (looksRegistered(clientId)) return registered(clientId, options);
      const described = await documents.find(clientId, peer);
      if (described === undefined) return undefined;
      if (isUnusable(described)) throw notUsable(described);
      const { name, redirectUris } = described;
      return metadataOf(clientId, { name: name ?? hostOf(clientId), redirectUris, grants: ['code'] });
    },
    voucherOf(clientId) {
      if (configured.has(clientId)) return { kind: 'operator' };
      const host = hostOf(clientId);
      return host === undefined ? { kind: 'nobody' } : { kind: 'document', host };
    },
  };
}

// The operator's word of today counts, not that of the day of the registration: so what was too wide can be taken back.
function registered(
  clientId: string,
  { registration: { mode, redirectPatterns }, identifiers, deviceGrant }: OpenClientsOptions,
): ClientMetadata | undefined {
  if (mode === 'closed') return undefined;
  const client = identifiers.read(clientId);
  if (client === undefined) return undefined;
  const redirectUris = client.redirectUris.filter((uri) => {
    const read = readRedirectUri(uri);
    return !('fault' in read) && isAllowedBy(redirectPatterns, read);
  });
  const grants = client.grants.filter((grant) => {
    return grant === 'code' ? redirectUris.length > 0 : deviceGrant;
  });
  return grants.length === 0 ? undefined : metadataOf(clientId, { name: client.name, redirectUris, grants });
}

function metadataOf(
  clientId: string,
  {
    name,
    redirectUris,
    grants,
  }: {
    readonly name: string | undefined;
    readonly redirectUris: readonly string[];
    readonly grants: readonly ('code' | 'device')[];
  },
): ClientMetadata {
  return {
    client_id: clientId,
    client_name: name ?? UNNAMED,
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: redirectUris.flatMap(spellings),
    response_types: grants.includes('code') ? ['code'] : [],
    grant_types: grantTypes(grants),
  };
}

const UNNAMED = 'a program without a name';

function notUsable({ mayComeBack, detail }: { mayComeBack: boolean; detail: string }): Error {
  if (!mayComeBack) return new errors.InvalidClient('the document at this client_id cannot be used', detail);
  const error = new errors.TemporarilyUnavailable('the document at this client_id cannot be had now', detail);
  // Told as 400, a mail program would throw its refresh token away.
  return Object.assign(error, { status: 503, statusCode: 503 });
}

function hostOf(clientId: string): string | undefined {
  return readDocumentAddress(clientId)?.host;
}
