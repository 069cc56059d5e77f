// Finds an issuer's metadata and makes openid-client's configuration of it.

import {
  allowInsecureRequests,
  type ClientAuth,
  Configuration,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  None,
  type ServerMetadata,
} from 'openid-client';
import { type Proof, proveBySecret } from '../client-proof/proof.ts';
import { isRefusal, type Refusal, refuse } from '../refusal.ts';
import type { Secret } from '../setting.ts';
import { refusalFor } from './failure.ts';
import { createFetch, isAllowed, type PlainHttp } from './request.ts';

/** An issuer and who we are there. */
export interface Registration {
  /** Exact value of `issuer` in its metadata; with or without the slash of an empty path. */
  readonly issuer: string;
  readonly clientId: string;
  /** Absent for a public client. */
  readonly clientSecret?: Secret | undefined;
  /** Limit for one request, milliseconds. */
  readonly timeout: number;
  readonly plainHttp: PlainHttp;
  /** Sends the requests; the global fetch where absent. */
  readonly fetch?: typeof fetch | undefined;
}

const SIGN_IN_ENDPOINTS = ['authorization_endpoint', 'token_endpoint', 'jwks_uri'] as const;

/** One attempt to read the metadata at `/.well-known/openid-configuration`. @param needed endpoints that must be there. */
export async function discover(
  registration: Registration,
  needed: readonly (typeof SIGN_IN_ENDPOINTS)[number][] = SIGN_IN_ENDPOINTS,
): Promise<ServerMetadata | Refusal> {
  const step = 'discovery';
  try {
    const found = await discovery(new URL(registration.issuer), registration.clientId, undefined, None(), {
      execute: [allowInsecureRequests],
      [customFetch]: createFetch(registration),
      timeout: libraryTimeout(registration),
    });
    const metadata: ServerMetadata = found.serverMetadata();
    return checkMetadata(metadata, registration, needed) ?? metadata;
  } catch (error) {
    return refusalFor(error, step);
  }
}

/** A configuration that checks the signature of every id_token against the issuer's keys. */
export function configure(metadata: ServerMetadata, registration: Registration): Configuration {
  const { clientId, clientSecret } = registration;
  const configuration = new Configuration(
    metadata,
    clientId,
    undefined,
    clientAuthentication(metadata, clientSecret),
  );
  configuration.timeout = libraryTimeout(registration);
  configuration[customFetch] = createFetch(registration);
  // Http is allowed or refused by createFetch, which knows loopback.
  allowInsecureRequests(configuration);
  enableNonRepudiationChecks(configuration);
  return configuration;
}

function clientAuthentication(metadata: ServerMetadata, secret: Secret | undefined): ClientAuth {
  if (secret === undefined) return None();
  return provingBySecret(secret, takesPostOnly(metadata) ? 'body' : 'header');
}

export function provingBySecret(secret: Secret, goesInto: 'header' | 'body'): ClientAuth {
  return proving((clientId) => proveBySecret({ clientId, secret, goesInto }));
}

/** A proof in the form in which openid-client takes it. */
export function proving(prove: (clientId: string) => Proof | Promise<Proof>): ClientAuth {
  return async (_server, client, body, headers) => {
    const proof = await prove(client.client_id);
    for (const [name, value] of Object.entries(proof.headers)) headers.set(name, value);
    for (const [name, value] of Object.entries(proof.form)) body.set(name, value);
  };
}

/** Whether the client secret goes into the body. RFC 8414 §2: an issuer that does not say takes client_secret_basic. */
export function takesPostOnly(metadata: ServerMetadata): boolean {
  const methods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
  return methods.includes('client_secret_post') && !methods.includes('client_secret_basic');
}

function checkMetadata(
  metadata: ServerMetadata,
  registration: Registration,
  needed: readonly (typeof SIGN_IN_ENDPOINTS)[number][],
): Refusal | undefined {
  // OpenID Connect Discovery §4.3. openid-client lets multi-tenant issuers of some vendors differ: there anybody of any
  // tenant could sign in with an address of their own choice.
  if (new URL(metadata.issuer).href !== new URL(registration.issuer).href) {
    return refuse(
      'issuer-unavailable',
      'discovery: the metadata name another issuer than the configured one',
    );
  }
  for (const name of needed) {
    const problem = checkEndpoint(name, metadata[name], registration);
    if (isRefusal(problem)) return problem;
  }
  return undefined;
}

function checkEndpoint(name: string, address: unknown, registration: Registration): Refusal | undefined {
  if (typeof address !== 'string' || !URL.canParse(address)) {
    return refuse('issuer-unavailable', `discovery: the metadata lack a valid ${name}`);
  }
  if (!isAllowed(new URL(address), registration.plainHttp)) {
    return refuse('issuer-unavailable', `discovery: ${name} is not https`);
  }
  return undefined;
}

/** Seconds; a little later than the limit of createFetch, which has the better words. */
function libraryTimeout(registration: Registration): number {
  return Math.ceil(registration.timeout / 1000) + 1;
}
