// Finding an issuer's keys, and the bounds of a fetch, against a real server on loopback.

import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { discoverJwksUri, metadataUrls } from '../../../../src/token/keys/discovery.ts';
import { type FetchOptions, fetchJson } from '../../../../src/token/keys/fetch-json.ts';
import {
  type FakeIssuer,
  JWKS_PATH,
  OAUTH_METADATA,
  OPENID_METADATA,
  startFakeIssuer,
} from '../../../support/fake-issuer.ts';

let issuer: FakeIssuer;

beforeEach(async () => {
  issuer = await startFakeIssuer();
});
afterEach(() => issuer.stop());

function options(changes: Partial<FetchOptions> = {}): FetchOptions {
  return {
    fetch,
    timeout: 5_000,
    allowInsecureHttp: true,
    signal: new AbortController().signal,
    ...changes,
  };
}

describe('metadataUrls', () => {
  it.each([
    [
      'https://idp.example.org',
      'https://idp.example.org/.well-known/oauth-authorization-server',
      'https://idp.example.org/.well-known/openid-configuration',
    ],
    [
      'https://idp.example.org/realms/one/',
      'https://idp.example.org/.well-known/oauth-authorization-server/realms/one',
      'https://idp.example.org/realms/one/.well-known/openid-configuration',
    ],
  ])('of %s', (name, oauth, openid) => {
    expect(metadataUrls(name)).toEqual([oauth, openid]);
  });
});

describe('discoverJwksUri', () => {
  it('takes the OAuth metadata and asks no further', async () => {
    expect(await discoverJwksUri(issuer.issuer, options())).toMatchObject({ jwksUri: issuer.jwksUri });
    expect(issuer.total()).toBe(1);
    expect(issuer.count(OAUTH_METADATA)).toBe(1);
  });

  it.each([
    ['is absent', { status: 404 }],
    ['redirects', { status: 302, headers: { location: '/login' } }],
    ['is a page', { body: '<!doctype html>' }],
    [
      'names another issuer',
      { body: { issuer: 'https://evil.example', jwks_uri: 'https://evil.example/k' } },
    ],
    ['names no keys', { body: {} }],
  ])('takes the OpenID Connect document where the first %s', async (_what, answer) => {
    issuer.answer(OAUTH_METADATA, answer);
    expect(await discoverJwksUri(issuer.issuer, options())).toMatchObject({ jwksUri: issuer.jwksUri });
    expect(issuer.count(OPENID_METADATA)).toBe(1);
  });

  it('demands the exact issuer: a trailing slash counts', async () => {
    const outcome = await discoverJwksUri(`${issuer.issuer}/`, options());
    expect(outcome).toMatchObject({ failure: expect.stringContaining(`expected "${issuer.issuer}/"`) });
  });

  it('does not try another place on a server that can not be reached', async () => {
    let calls = 0;
    const outcome = await discoverJwksUri(
      'https://idp.example.org',
      options({
        fetch: async () => {
          calls += 1;
          throw new TypeError('fetch failed', {
            cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }),
          });
        },
      }),
    );
    expect(outcome).toMatchObject({ failure: expect.stringContaining('ECONNREFUSED') });
    expect(calls).toBe(1);
  });
});

describe('fetchJson', () => {
  it('gives the document, whatever its media type', async () => {
    issuer.answer(JWKS_PATH, { headers: { 'content-type': 'text/plain' }, body: { keys: [] } });
    expect(await fetchJson(issuer.jwksUri, options())).toEqual({ body: { keys: [] } });
  });

  it.each([
    ['a redirect', { status: 307, headers: { location: '/elsewhere' } }, 'redirects are not followed'],
    ['an error', { status: 503 }, 'status 503'],
    ['no content', { status: 204 }, 'status 204'],
    ['no JSON', { body: 'keys' }, 'not JSON'],
    ['a flood', { body: `"${'x'.repeat(600 * 1024)}"` }, 'longer than 524288 octets'],
    [
      'a flood that is small on the wire',
      { headers: { 'content-encoding': 'gzip' }, body: gzipSync(`"${'x'.repeat(600 * 1024)}"`) },
      'longer than 524288 octets',
    ],
  ])('fails at %s', async (_what, answer, failure) => {
    issuer.answer(JWKS_PATH, answer);
    const outcome = await fetchJson(issuer.jwksUri, options());
    expect(outcome).toMatchObject({ answered: true, failure: expect.stringContaining(failure) });
    expect(issuer.total()).toBe(1);
  });

  it.each([
    ['http where it is not allowed', 'http://idp.example.org/keys', 'is not https'],
    ['another scheme', 'file:///etc/passwd', 'is not https'],
    ['no URL', 'keys', 'is not a URL'],
    ['a URL with a password', 'https://name:word@idp.example.org/', 'a URL with a user name'],
  ])('asks nobody for %s', async (_what, url, failure) => {
    const never = () => Promise.reject(new Error('must not be called'));
    const outcome = await fetchJson(url, options({ allowInsecureHttp: false, fetch: never }));
    expect(outcome).toMatchObject({ failure: expect.stringContaining(failure) });
  });

  it('gives up at the time limit, while waiting for the answer', async () => {
    const release = issuer.hold();
    const outcome = await fetchJson(issuer.jwksUri, options({ timeout: 50 }));
    expect(outcome).toMatchObject({
      answered: false,
      failure: expect.stringContaining('no answer within 50 ms'),
    });
    release();
  });

  it('gives up at the time limit in the middle of an answer', async () => {
    // More is promised than comes.
    issuer.answer(JWKS_PATH, { headers: { 'content-length': '1000', connection: 'keep-alive' }, body: '{' });
    const outcome = await fetchJson(issuer.jwksUri, options({ timeout: 50 }));
    expect(outcome).toMatchObject({ answered: false });
  });

  it('ends when the process stops', async () => {
    const stopping = new AbortController();
    const release = issuer.hold();
    const fetching = fetchJson(issuer.jwksUri, options({ signal: stopping.signal }));
    await issuer.requests(1);
    stopping.abort();
    expect(await fetching).toMatchObject({ answered: false });
    release();
  });

  it('names the cause where nobody listens', async () => {
    await issuer.stop();
    const outcome = await fetchJson(issuer.jwksUri, options());
    expect(outcome).toMatchObject({ answered: false, failure: expect.stringContaining('ECONNREFUSED') });
  });
});
