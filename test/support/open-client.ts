// Owns a program that nobody registered, reduced to what it does at the browser's door: it registers itself or is described by
// a document, has the person asked, and fetches its tokens.

import type { FetchDocument } from '../../src/authorization/open-clients/document-fetch.ts';
import type { Browser } from './authorization-browser.ts';
import {
  authorizationUrl,
  exchangeCode,
  newProof,
  signInAndAllow,
  type TestDoor,
} from './authorization-server.ts';

export const CALLBACK = 'http://127.0.0.1:51234/callback';

/** Registers and returns its identifier. */
export async function registerClient(
  door: Pick<TestDoor, 'transport' | 'issuer'>,
  changes: Record<string, unknown> = {},
): Promise<string> {
  const answer = await door.transport({
    method: 'POST',
    url: new URL('/register', door.issuer),
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'Example Mail',
      redirect_uris: ['http://127.0.0.1/callback', 'org.example.mail:/callback'],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      ...changes,
    }),
  });
  if (answer.status !== 201) throw new Error(`not registered: ${answer.text}`);
  return String((JSON.parse(answer.text) as Record<string, unknown>)['client_id']);
}

/** The whole way of a person with that program to tokens; the answer of the token endpoint. */
export async function tokensFor(
  door: TestDoor,
  clientId: string,
  { browser = door.newBrowser(), changes = {} }: { browser?: Browser; changes?: Record<string, string> } = {},
) {
  const proof = newProof();
  const redirect = { client_id: clientId, redirect_uri: CALLBACK, ...changes };
  const answer = await signInAndAllow(browser, authorizationUrl(door, proof, redirect));
  return exchangeCode(door, answer, proof, { client_id: clientId, redirect_uri: redirect.redirect_uri });
}

/** Documents by address, as if fetched. `asked` tells which were. */
export function documentsAt(documents: Record<string, unknown>): { fetch: FetchDocument; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    fetch: async (url) => {
      asked.push(url.href);
      return { text: JSON.stringify(documents[url.href]), maxAge: 3600 };
    },
  };
}

export const DOCUMENT = 'https://app.example.net/client.json';

export function clientDocument(changes: Record<string, unknown> = {}) {
  return {
    client_id: DOCUMENT,
    client_name: 'Described Mail',
    redirect_uris: ['http://127.0.0.1/callback', 'https://app.example.net/callback'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    ...changes,
  };
}
