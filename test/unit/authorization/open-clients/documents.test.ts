import { beforeEach, expect, test } from 'vitest';
import { readDocument } from '../../../../src/authorization/open-clients/document.ts';
import { readDocumentAddress } from '../../../../src/authorization/open-clients/document-address.ts';
import {
  DocumentFailed,
  type FetchedDocument,
} from '../../../../src/authorization/open-clients/document-fetch.ts';
import { createDocuments, type Documents } from '../../../../src/authorization/open-clients/documents.ts';
import type { ClientMetadataDocumentSettings } from '../../../../src/authorization/open-clients/settings.ts';

const ADDRESS = 'https://app.example.net/client.json';
const PEER = '192.0.2.1';
const SETTINGS: ClientMetadataDocumentSettings = {
  mode: 'open',
  redirectPatterns: ['loopback', 'private-use'],
  hosts: [],
  privateHosts: [],
};

const document = (changes: Record<string, unknown> = {}, address = ADDRESS) => ({
  client_id: address,
  client_name: 'Example Mail',
  redirect_uris: ['http://127.0.0.1/callback'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  token_endpoint_auth_method: 'none',
  ...changes,
});

const MINUTE = 60_000;
let now: number;
let fetched: string[];
let answer: (url: URL) => Promise<FetchedDocument>;
let documents: Documents;

function open(settings: Partial<ClientMetadataDocumentSettings> = {}): Documents {
  return createDocuments({
    settings: { ...SETTINGS, ...settings },
    fetch: (url) => {
      fetched.push(url.href);
      return answer(url);
    },
    ownHost: 'mail.example.org',
    now: () => now,
  });
}

beforeEach(() => {
  now = 1_800_000_000_000;
  fetched = [];
  answer = async (url) => ({ text: JSON.stringify(document({}, url.href)), maxAge: 600 });
  documents = open();
});

test('it is fetched once, kept as long as it may be, and then fetched again', async () => {
  const expected = { name: 'Example Mail', redirectUris: ['http://127.0.0.1/callback'] };
  expect(await documents.find(ADDRESS, PEER)).toEqual(expected);
  now += 10 * MINUTE - 1;
  expect(await documents.find(ADDRESS, '192.0.2.2')).toEqual(expected);
  expect(fetched).toHaveLength(1);
  now += 1;
  await documents.find(ADDRESS, PEER);
  expect(fetched).toHaveLength(2);
});

test.each([
  [0, 1],
  [1, 1],
  [undefined, 60],
  [999_999_999, 24 * 60],
])('a word of %s seconds counts as %s minutes', async (maxAge, minutes) => {
  answer = async (url) => ({ text: JSON.stringify(document({}, url.href)), maxAge });
  await documents.find(ADDRESS, PEER);
  now += minutes * MINUTE - 1;
  await documents.find(ADDRESS, PEER);
  expect(fetched).toHaveLength(1);
  now += 1;
  await documents.find(ADDRESS, PEER);
  expect(fetched).toHaveLength(2);
});

test('a thousand who ask together cause one request', async () => {
  const found = await Promise.all(Array.from({ length: 1000 }, () => documents.find(ADDRESS, PEER)));
  expect(new Set(found.map((one) => JSON.stringify(one))).size).toBe(1);
  expect(fetched).toHaveLength(1);
});

test('after a failure its server has 15 seconds of rest; then it may have come right', async () => {
  const good = answer;
  answer = () => Promise.reject(new DocumentFailed('answered 500'));
  const failed = { mayComeBack: true, detail: 'document answered 500' };
  expect(await documents.find(ADDRESS, PEER)).toEqual(failed);
  answer = good;
  now += 14_999;
  expect(await documents.find(ADDRESS, PEER)).toEqual(failed);
  expect(fetched).toHaveLength(1);
  now += 1;
  expect(await documents.find(ADDRESS, PEER)).toMatchObject({ name: 'Example Mail' });
});

test('while its server is away the last one counts, for a week', async () => {
  await documents.find(ADDRESS, PEER);
  answer = () => Promise.reject(new DocumentFailed('cannot be reached (ECONNREFUSED)'));
  now += 24 * 60 * MINUTE;
  expect(await documents.find(ADDRESS, PEER)).toMatchObject({ name: 'Example Mail' });
  now += 7 * 24 * 60 * MINUTE;
  expect(await documents.find(ADDRESS, PEER)).toMatchObject({ mayComeBack: true });
});

test('where its server says that there is none any more, the last one does not count', async () => {
  await documents.find(ADDRESS, PEER);
  now += 60 * MINUTE;
  answer = () => Promise.reject(new DocumentFailed('answered 404', false));
  expect(await documents.find(ADDRESS, PEER)).toEqual({
    mayComeBack: false,
    detail: 'document answered 404',
  });
  now += MINUTE;
  answer = () => Promise.reject(new DocumentFailed('answered 500'));
  expect(await documents.find(ADDRESS, PEER)).toMatchObject({ mayComeBack: true });
});

test('one host is not asked for one document after the other', async () => {
  for (let count = 0; count < 50; count += 1) {
    await documents.find(`https://app.example.net/${count}`, `192.0.2.${count}`);
  }
  expect(fetched).toHaveLength(10);
  expect(await documents.find('https://app.example.net/51', '192.0.2.99')).toEqual({
    mayComeBack: true,
    detail: 'too many documents are being fetched',
  });
});

test('nor may one network have host after host asked, nor all of them together', async () => {
  for (let count = 0; count < 50; count += 1) await documents.find(`https://h${count}.example.net/`, PEER);
  expect(fetched).toHaveLength(30);
  for (let count = 0; count < 300; count += 1) {
    await documents.find(`https://g${count}.example.net/`, `192.0.${count % 250}.7`);
  }
  expect(fetched).toHaveLength(120);
});

test('at most 16 are fetched at a time', async () => {
  answer = () => new Promise(() => {});
  for (let count = 0; count < 40; count += 1) {
    void documents.find(`https://h${count}.example.net/`, `192.0.${count}.7`);
  }
  expect(fetched).toHaveLength(16);
});

test('no more than 200 are kept, the newest', async () => {
  for (let count = 0; count < 250; count += 1) {
    now += 2000;
    await documents.find(`https://h${count}.example.net/`, `192.0.${count}.7`);
  }
  fetched = [];
  await documents.find('https://h249.example.net/', PEER);
  expect(fetched).toEqual([]);
  await documents.find('https://h0.example.net/', PEER);
  expect(fetched).toHaveLength(1);
});

test('closed, nothing is fetched; with a list of hosts only those are', () => {
  expect(open({ mode: 'closed' }).find(ADDRESS, PEER)).toBeUndefined();
  const limited = open({ hosts: ['app.example.org'] });
  expect(limited.find(ADDRESS, PEER)).toBeUndefined();
  expect(limited.find('https://app.example.org.evil.example/', PEER)).toBeUndefined();
  expect(fetched).toEqual([]);
  expect(limited.find('https://app.example.org/c', PEER)).toBeInstanceOf(Promise);
});

test('Postern does not ask itself', () => {
  expect(documents.find('https://mail.example.org/auth?client_id=x', PEER)).toBeUndefined();
  expect(fetched).toEqual([]);
});

// draft-ietf-oauth-client-id-metadata-document-02 §3.
test.each([
  'http://app.example.net/client.json',
  'https://app.example.net',
  'https:///client.json',
  'https://user@app.example.net/client.json',
  'https://user:word@app.example.net/client.json',
  'https://app.example.net/client.json#x',
  'https://app.example.net/a/../client.json',
  'https://app.example.net/./client.json',
  'https://app.example.net/%2e%2e/client.json',
  'https://APP.example.net/client.json',
  'HTTPS://app.example.net/client.json',
  'https://app.example.net:443/client.json',
  'https://app.example.net/client json',
  'https://app.example.net/client.json\n',
  'https://app.example.net\\@evil.example/',
  'https://2130706433/client.json',
  'https://0x7f.1/client.json',
  'https://app.example.net./client.json',
  'https://app.example.net.:8443/client.json',
  `https://app.example.net/${'x'.repeat(300)}`,
  'file:///etc/passwd',
  'mail-program',
  '',
])('%s is no address of a document', (clientId) => {
  expect(readDocumentAddress(clientId)).toBeUndefined();
});

test.each([ADDRESS, 'https://app.example.net/', 'https://app.example.net:8443/c?x=1'])(
  '%s is one',
  (clientId) => {
    expect(readDocumentAddress(clientId)?.href).toBe(clientId);
  },
);

const read = (text: string, redirectPatterns = SETTINGS.redirectPatterns) =>
  readDocument(text, { address: new URL(ADDRESS), redirectPatterns });

test.each([
  ['garbage', 'not json', /JSON object/],
  ['a list', '[]', /JSON object/],
  ['null', 'null', /JSON object/],
  [
    'another client_id',
    JSON.stringify(document({ client_id: 'https://app.example.net/other' })),
    /another client_id/,
  ],
  [
    'the same but for its spelling',
    JSON.stringify(document({ client_id: 'https://app.example.net:443/client.json' })),
    /another client_id/,
  ],
  ['no client_id', JSON.stringify(document({ client_id: undefined })), /another client_id/],
  ['a secret', JSON.stringify(document({ client_secret: 'x' })), /client_secret/],
  [
    'a way of proving itself by a secret',
    JSON.stringify(document({ token_endpoint_auth_method: 'client_secret_basic' })),
    /other than none/,
  ],
  ['no code grant', JSON.stringify(document({ grant_types: ['implicit'] })), /authorization_code/],
  ['no redirects', JSON.stringify(document({ redirect_uris: undefined })), /redirect_uris/],
  [
    'too many redirects',
    JSON.stringify(document({ redirect_uris: Array(33).fill('http://127.0.0.1/') })),
    /more than 32/,
  ],
  [
    'bad redirects only',
    JSON.stringify(document({ redirect_uris: ['javascript:alert(1)', 'http://evil.example/', 7] })),
    /of a kind/,
  ],
  [
    'a web site',
    JSON.stringify(document({ redirect_uris: ['https://app.example.net/callback'] })),
    /of a kind/,
  ],
])('a document with %s is none', (_what, text, why) => {
  const found = read(text);
  expect('fault' in found && found.fault).toMatch(why);
});

test('redirects that do not fit are left out, and a name that cannot be shown is', () => {
  const redirects = [
    'https://app.example.net/cb',
    'http://127.0.0.1/',
    'org.example.mail:/x',
    'http://127.0.0.1/',
  ];
  const text = JSON.stringify(document({ redirect_uris: redirects, client_name: 'Mail\u202e' }));
  expect(read(text)).toEqual({ name: undefined, redirectUris: ['http://127.0.0.1/', 'org.example.mail:/x'] });
  expect(read(text, ['same-origin'])).toEqual({
    name: undefined,
    redirectUris: ['https://app.example.net/cb'],
  });
});

test('no other origin than the document’s own is the same', () => {
  const redirects = [
    'https://evil.example/cb',
    'https://app.example.net:8443/cb',
    'https://app.example.net.evil.example/',
  ];
  expect(read(JSON.stringify(document({ redirect_uris: redirects })), ['same-origin'])).toHaveProperty(
    'fault',
  );
});
