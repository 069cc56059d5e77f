// draft-ietf-oauth-client-id-metadata-document-02 §8 (security considerations), against the whole server and real TLS servers: a
// stranger names an address, and Postern fetches from there no more than is safe, and tells nobody what it found.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  createDocumentFetch,
  type FetchOptions,
} from '../../src/authorization/open-clients/document-fetch.ts';
import { authorizationUrl, newProof, openTestDoor, type TestDoor } from '../support/authorization-server.ts';
import { type Authority, makeAuthority } from '../support/certificate-maker.ts';
import { CALLBACK, clientDocument, tokensFor } from '../support/open-client.ts';

let authority: Authority;
let server: Server;
let port: number;
let connections: number;
type Behaviour = (request: IncomingMessage, response: ServerResponse) => void;
let answer: Behaviour;
let door: TestDoor;

beforeAll(async () => {
  authority = await makeAuthority();
  const { certificate, key } = await authority.issue({ names: ['app.example.net'] });
  server = createServer({ cert: certificate, key }, (request, response) => answer(request, response));
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const clientId = (path = '/client.json') => `https://app.example.net:${port}${path}`;
const document = (changes: Record<string, unknown> = {}) =>
  JSON.stringify(clientDocument({ client_id: clientId(), ...changes }));

function sends(text: string, headers: Record<string, string> = {}): Behaviour {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(text);
  };
}

async function open(options: Partial<FetchOptions> = {}): Promise<void> {
  door = await openTestDoor(
    {},
    {
      fetchDocument: createDocumentFetch({
        privateHosts: [`app.example.net:${port}`],
        resolve: async () => ['127.0.0.1'],
        authorities: authority.certificate,
        timeout: 10_000,
        ...options,
      }),
    },
  );
}

beforeEach(async () => {
  connections = 0;
  answer = sends(document());
  await open();
});
afterEach(() => door.close());

const ask = (id = clientId()) =>
  door.newBrowser().go(authorizationUrl(door, newProof(), { client_id: id, redirect_uri: CALLBACK }));

test('a good document is one: the whole way to a token', async () => {
  const { status } = await tokensFor(door, clientId());
  expect(status).toBe(200);
  expect(connections).toBe(1);
});

// §8.6, §5: whatever the reason, the program and the person read one of two sentences.
const UNUSABLE = 'the document at this client_id cannot be used';
const AWAY = 'the document at this client_id cannot be had now';

const BAD: readonly [string, number, Behaviour][] = [
  [
    'a redirect to inside',
    503,
    (_request, response) => void response.writeHead(302, { location: 'https://127.0.0.1/' }).end(),
  ],
  [
    'a redirect to itself',
    503,
    (_request, response) => void response.writeHead(307, { location: '/client.json' }).end(),
  ],
  ['a giant (§8.7)', 400, sends(`${document().slice(0, -1)},"x":"${'x'.repeat(2_000_000)}"}`)],
  [
    'one that is a little too large (§8.7)',
    400,
    sends(`${document().slice(0, -1)},"x":"${'x'.repeat(10_240)}"}`),
  ],
  ['a page', 400, sends('<html>', { 'content-type': 'text/html' })],
  ['JSON that says it is text', 400, sends(document(), { 'content-type': 'text/plain' })],
  ['nothing', 400, sends('')],
  ['another’s document (§4)', 400, sends(document({ client_id: 'https://other.example.net/client.json' }))],
  ['one that claims its neighbour’s address', 400, sends(document({ client_id: `${clientId()}/` }))],
  ['a secret (§4)', 400, sends(document({ client_secret: 'x' }))],
  ['a client with a secret', 400, sends(document({ token_endpoint_auth_method: 'client_secret_post' }))],
  [
    'redirects to other hosts only (§8.1)',
    400,
    sends(document({ redirect_uris: ['https://evil.example/'] })),
  ],
  [
    'a fault',
    503,
    (_request, response) => void response.writeHead(500).end('stack trace of app.example.net'),
  ],
  ['silence', 503, () => {}],
];

test.each(BAD)('%s is no document', async (what, status, behaviour) => {
  if (what === 'silence') {
    await door.close();
    await open({ timeout: 1_000 });
  }
  answer = behaviour;
  const page = await ask();
  expect(page.status).toBe(status);
  expect(page.text).toContain(status === 400 ? UNUSABLE : AWAY);
  expect(page.headers.get('location')).toBeNull();
  expect(page.text).not.toMatch(/stack trace|127\.0\.0\.1|answered|ECONN/);
  const [refused] = door.eventsNamed('clientRefused');
  // The operator reads why.
  expect(refused?.['reason']).toMatch(/^document /);
  expect(connections).toBe(1);
});

test.each([
  '127.0.0.1',
  '::1',
  '10.1.2.3',
  '192.168.0.1',
  '169.254.169.254',
  '100.100.100.200',
  '0.0.0.0',
  '::ffff:127.0.0.1',
  '64:ff9b::7f00:1',
  'fd00:ec2::254',
  'fe80::1',
  '224.0.0.1',
])('§8.6: a name that leads to %s is not visited, and looks as if it were away', async (address) => {
  await door.close();
  await open({ privateHosts: [], resolve: async () => [address] });
  const page = await ask('https://app.example.net/client.json');
  expect(page.status).toBe(503);
  expect(page.text).toContain(AWAY);
  expect(page.text).not.toContain(address);
  expect(connections).toBe(0);
  expect(door.eventsNamed('clientRefused')[0]?.['reason']).toBe(
    'document host has an address that is not public',
  );
});

test.each([
  'https://127.0.0.1/client.json',
  'https://[::1]/client.json',
  'https://[::ffff:127.0.0.1]/client.json',
  'https://169.254.169.254/latest/meta-data/',
  'https://app.example.net:22/',
])('§8.6: %s is not visited', async (id) => {
  const page = await ask(id);
  expect([400, 503]).toContain(page.status);
  expect(connections).toBe(0);
});

test.each([
  'https://2130706433/client.json',
  'https://0x7f.1/client.json',
  'https://0177.0.0.1/client.json',
  'https://user@app.example.net/client.json',
  'https://app.example.net/../client.json',
  'https://app.example.net/client.json#x',
  'https://app.example.net',
  'http://app.example.net/client.json',
  'file:///etc/passwd',
  'gopher://app.example.net/',
  `https://app.example.net/${'x'.repeat(400)}`,
  'https://mail.example.org/.well-known/openid-configuration',
])('§3: %s is no identifier, so nobody is asked for anything', async (id) => {
  let asked = false;
  await door.close();
  await open({
    resolve: async () => {
      asked = true;
      return [];
    },
  });
  const page = await ask(id);
  expect(page.status).toBe(400);
  expect(page.text).toContain('This program is not known here');
  expect(asked).toBe(false);
});

test('DNS rebinding: between the look at the address and the connection the name is not asked again', async () => {
  let asked = 0;
  await door.close();
  await open({
    resolve: async () => {
      asked += 1;
      // A first answer that is allowed, and a second that must not count.
      return asked === 1 ? ['127.0.0.1'] : ['127.0.0.99'];
    },
  });
  expect((await ask()).status).toBe(303);
  expect(asked).toBe(1);
  expect(connections).toBe(1);
});

test('§5.2: an error is not kept as if it were the document, and a thousand requests are one', async () => {
  answer = (_request, response) => void response.writeHead(500).end();
  expect((await ask()).status).toBe(503);
  await Promise.all(Array.from({ length: 100 }, () => ask()));
  expect(connections).toBe(1);
});

test('a slow one holds up nobody else', async () => {
  await door.close();
  await open({ timeout: 2_000 });
  answer = () => {};
  const slow = ask();
  expect((await door.newBrowser().go(authorizationUrl(door, newProof()))).status).toBe(303);
  expect((await slow).status).toBe(503);
});

test('no one network can have Postern call on host after host', async () => {
  const hosts: string[] = [];
  await door.close();
  await open({
    privateHosts: [],
    resolve: async (host) => {
      hosts.push(host);
      return [];
    },
  });
  for (let count = 0; count < 100; count += 1) await ask(`https://h${count}.example.net/`);
  expect(hosts.length).toBeLessThanOrEqual(31);
  // At the token endpoint it is the same.
  await door.call('/token', {
    grant_type: 'authorization_code',
    code: 'x',
    client_id: 'https://one-more.example.net/',
  });
  expect(hosts).not.toContain('one-more.example.net');
});

test('§8: a document cannot dress up: its host is on the page, its deceiving name is not', async () => {
  answer = sends(document({ client_name: 'Example Bank\u202e', logo_uri: 'https://evil.example/logo.png' }));
  const { status } = await tokensFor(door, clientId());
  expect(status).toBe(200);
  const other = await openTestDoor(
    {},
    {
      fetchDocument: createDocumentFetch({
        privateHosts: [`app.example.net:${port}`],
        resolve: async () => ['127.0.0.1'],
        authorities: authority.certificate,
      }),
    },
  );
  const browser = other.newBrowser();
  const sent = await browser.go(
    authorizationUrl(other, newProof(), { client_id: clientId(), redirect_uri: CALLBACK }),
  );
  const callback = new URL(sent.url.searchParams.get('redirect_uri') ?? '');
  callback.searchParams.set('state', sent.url.searchParams.get('state') ?? '');
  callback.searchParams.set('code', 'x');
  const page = await browser.go(callback);
  expect(page.text).toContain(
    `<code>app.example.net:${port}</code> calls it “<bdi>app.example.net:${port}</bdi>”`,
  );
  expect(page.text).not.toMatch(/Example Bank|evil\.example/);
  await other.close();
});
