// Against real servers with real certificates: what is fetched, and what never leaves this machine.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { afterEach, beforeAll, expect, test } from 'vitest';
import {
  createDocumentFetch,
  DocumentFailed,
} from '../../../../src/authorization/open-clients/document-fetch.ts';
import { type Authority, type Issued, makeAuthority } from '../../../support/certificate-maker.ts';

let authority: Authority;
let certificate: Issued;
beforeAll(async () => {
  authority = await makeAuthority();
  certificate = await authority.issue({ names: ['app.example.net'] });
});

const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

async function serve(
  handler: Handler,
  host = '127.0.0.1',
  port = 0,
): Promise<{ port: number; server: Server; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer(
    { cert: certificate.certificate, key: certificate.key },
    (request, response) => {
      requests.push(request.url ?? '');
      handler(request, response);
    },
  );
  await new Promise<void>((listening) => server.listen(port, host, listening));
  open.push({
    close() {
      server.closeAllConnections();
      server.close();
    },
  });
  return { port: (server.address() as AddressInfo).port, server, requests };
}

const json: Handler = (_request, response) => {
  response.setHeader('content-type', 'application/json').end('{"a":1}');
};

const at = (port: number, path = '/client.json') => new URL(`https://app.example.net:${port}${path}`);

function fetchFrom(port: number, changes: Partial<Parameters<typeof createDocumentFetch>[0]> = {}) {
  return createDocumentFetch({
    privateHosts: [`app.example.net:${port}`],
    resolve: async () => ['127.0.0.1'],
    authorities: authority.certificate,
    ...changes,
  });
}

async function failure(work: Promise<unknown>): Promise<DocumentFailed> {
  const error = await work.then(
    () => undefined,
    (rejected: unknown) => rejected,
  );
  expect(error).toBeInstanceOf(DocumentFailed);
  return error as DocumentFailed;
}

test('a document is fetched as it is, with how long it may be kept', async () => {
  const { port, requests } = await serve((request, response) => {
    expect(request.headers).toMatchObject({
      host: `app.example.net:${port}`,
      accept: 'application/json',
      'accept-encoding': 'identity',
    });
    response.setHeader('cache-control', 'public, max-age=600');
    json(request, response);
  });
  expect(await fetchFrom(port)(at(port))).toEqual({ text: '{"a":1}', maxAge: 600 });
  expect(requests).toEqual(['/client.json']);
});

test.each([
  ['no-store', 0],
  ['private, no-cache', 0],
  ['max-age="60"', 60],
  ['s-maxage=5', undefined],
  ['max-age=99999999999999', 999999999],
])('Cache-Control: %s', async (value, maxAge) => {
  const { port } = await serve((request, response) => {
    response.setHeader('cache-control', value);
    json(request, response);
  });
  expect((await fetchFrom(port)(at(port))).maxAge).toBe(maxAge);
});

test.each([
  ['a redirect', 302, {}, /answered 302/, true],
  ['not modified', 304, {}, /answered 304/, true],
  ['not there', 404, {}, /answered 404/, false],
  ['too many', 429, {}, /answered 429/, true],
  ['a fault', 500, {}, /answered 500/, true],
  ['no content', 204, {}, /answered 204/, true],
  ['a page', 200, { 'content-type': 'text/html' }, /content type/, false],
  ['no type', 200, {}, /content type/, false],
  ['a type that only begins like one', 200, { 'content-type': 'application/jsonp' }, /content type/, false],
  [
    'compressed',
    200,
    { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    /compressed/,
    false,
  ],
] as const)('%s is no document', async (_what, status, headers, why, mayComeBack) => {
  const { port, requests } = await serve((_request, response) => {
    response.writeHead(status, { location: `https://app.example.net:${port}/elsewhere`, ...headers });
    response.end(status === 204 || status === 304 ? undefined : '{}');
  });
  const failed = await failure(fetchFrom(port)(at(port)));
  expect(failed.message).toMatch(why);
  expect(failed.mayComeBack).toBe(mayComeBack);
  expect(requests).toEqual(['/client.json']);
});

test('a giant one is left off where the limit is passed', async () => {
  let sent = 0;
  const { port } = await serve((_request, response) => {
    response.setHeader('content-type', 'application/json');
    const more = () => {
      while (sent < 50_000_000 && !response.destroyed) {
        sent += 65_536;
        if (!response.write('x'.repeat(65_536))) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  });
  expect((await failure(fetchFrom(port)(at(port)))).message).toMatch(/more than 10240 bytes/);
  expect(sent).toBeLessThan(20_000_000);
});

test.each([
  ['says nothing', (_request: IncomingMessage, _response: ServerResponse) => {}],
  [
    'drips',
    (_request: IncomingMessage, response: ServerResponse) => {
      response.setHeader('content-type', 'application/json');
      const drip = setInterval(() => response.write(' '), 20);
      response.once('close', () => clearInterval(drip));
    },
  ],
])('a server that %s is left alone in time', async (_what, handler) => {
  const { port } = await serve(handler);
  const began = performance.now();
  expect((await failure(fetchFrom(port, { timeout: 300 })(at(port)))).message).toBe(
    'no answer within 300 ms',
  );
  expect(performance.now() - began).toBeLessThan(20_000);
});

test('and so is a resolver that does not answer, and a port that takes no TLS', async () => {
  const forever = fetchFrom(1, { timeout: 200, resolve: () => new Promise(() => {}) });
  expect((await failure(forever(at(1)))).message).toBe('no answer within 200 ms');
  const silent = createTcpServer(() => {});
  await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening));
  open.push(silent);
  const { port } = silent.address() as AddressInfo;
  expect((await failure(fetchFrom(port, { timeout: 200 })(at(port)))).message).toBe(
    'no answer within 200 ms',
  );
});

test('a certificate of somebody else’s, or of no authority that counts, is none', async () => {
  const { port } = await serve(json);
  const other = new URL(`https://other.example.net:${port}/`);
  const fetch = fetchFrom(port, { privateHosts: [`other.example.net:${port}`] });
  expect((await failure(fetch(other))).message).toMatch(/ERR_TLS_CERT_ALTNAME_INVALID/);
  const { authorities: _authorities, ...system } = {
    authorities: '',
    privateHosts: [`app.example.net:${port}`],
  };
  const strict = createDocumentFetch({ ...system, resolve: async () => ['127.0.0.1'] });
  expect((await failure(strict(at(port)))).message).toMatch(/cannot be reached/);
});

// Draft-02 §8.6: server-side request forgery.
test.each([
  '127.0.0.1',
  '10.0.0.5',
  '169.254.169.254',
  '100.64.1.1',
  '::1',
  '::ffff:127.0.0.1',
  '64:ff9b::7f00:1',
  'fd00::1',
  'fe80::1',
])('a name that stands for %s is not visited, also where a public address comes with it', async (address) => {
  let connections = 0;
  const { server } = await serve(json);
  server.on('connection', () => {
    connections += 1;
  });
  for (const addresses of [[address], ['93.184.215.14', address], [address, '93.184.215.14']]) {
    const fetch = createDocumentFetch({ privateHosts: [], resolve: async () => addresses });
    const failed = await failure(fetch(new URL('https://app.example.net/client.json')));
    expect(failed.message).toBe('host has an address that is not public');
    // To the program it looks as if the host were away.
    expect(failed.mayComeBack).toBe(true);
  }
  expect(connections).toBe(0);
});

test.each([
  'https://127.0.0.1/',
  'https://[::1]/',
  'https://2130706433/',
  'https://0x7f000001/',
  'https://0177.0.0.1/',
  'https://127.1/',
  'https://[::ffff:127.0.0.1]/',
  'https://[fe80::1]/',
  'https://169.254.169.254/latest/meta-data/',
  'https://93.184.215.14/',
])('%s is no name, so nothing is asked', async (address) => {
  const fetch = createDocumentFetch({
    privateHosts: [],
    resolve: () => Promise.reject(new Error('must not be asked')),
  });
  expect((await failure(fetch(new URL(address)))).message).toBe('host is an address');
});

test('another port than 443 is for hosts that the operator named', async () => {
  const { port, requests } = await serve(json);
  const fetch = createDocumentFetch({
    privateHosts: ['other.example.net'],
    resolve: async () => ['127.0.0.1'],
  });
  expect((await failure(fetch(at(port)))).message).toBe('port is not 443');
  expect(requests).toEqual([]);
});

test('localhost and its likes lead nowhere by the system’s own resolver', async () => {
  const fetch = createDocumentFetch({ privateHosts: [], timeout: 10_000 });
  for (const host of ['localhost', 'app.localhost', 'localhost.']) {
    const failed = await failure(fetch(new URL(`https://${host}/client.json`)));
    expect(failed.message).toMatch(/not public|no address|no answer/);
  }
});

test('DNS rebinding: the name is asked once, and only what it stood for then is visited', async () => {
  const first = await serve(json, '127.0.0.1');
  const second = await serve(json, '127.0.0.2', first.port);
  const answers = [['127.0.0.1'], ['127.0.0.2'], ['127.0.0.2']];
  let asked = 0;
  const fetch = fetchFrom(first.port, {
    resolve: async () => {
      asked += 1;
      return answers[asked - 1] ?? [];
    },
  });
  await fetch(at(first.port));
  expect(asked).toBe(1);
  expect(first.requests).toHaveLength(1);
  expect(second.requests).toEqual([]);
});

test('a failure tells the journal which, and nothing of what a server wrote', async () => {
  const { port, server } = await serve(json);
  server.close();
  server.closeAllConnections();
  expect((await failure(fetchFrom(port)(at(port)))).message).toBe('cannot be reached (ECONNREFUSED)');
  const none = fetchFrom(port, { resolve: async () => [] });
  expect((await failure(none(at(port)))).message).toBe('host has no address');
});
