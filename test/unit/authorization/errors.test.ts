import { once } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, connect, Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  authorizationUrl,
  goToConsent,
  newProof,
  openTestDoor,
  type TestDoor,
} from '../../support/authorization-server.ts';

let door: TestDoor;
beforeEach(async () => {
  door = await openTestDoor();
});
afterEach(() => door.close());

async function send(method: string, path: string, headers = {}, body?: string) {
  const answer = await door.transport({
    method,
    url: new URL(path, door.issuer),
    headers: { accept: 'text/html', ...headers },
    ...(body === undefined ? {} : { body }),
  });
  return { ...answer, type: answer.headers.get('content-type') ?? '' };
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };

test.each([
  ['GET', '/nowhere', 404],
  ['GET', '/AUTH', 404],
  ['GET', '/interaction/x/y', 404],
  ['POST', '/', 405],
  ['POST', '/auth', 405],
  ['DELETE', '/interaction/abc', 405],
  ['GET', '/session/end/confirm', 405],
  ['PUT', '/sign-in/callback', 405],
  ['GET', '/%zz', 400],
])('%s %s is a page with %d that says what to do next', async (method, path, status) => {
  const answer = await send(method, path);
  expect(answer.status).toBe(status);
  expect(answer.type).toBe('text/html; charset=utf-8');
  expect(answer.text).toContain('<h2>What to do next</h2>');
  expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
});

test('405 names the methods that are there', async () => {
  expect((await send('POST', '/')).headers.get('allow')).toBe('GET, HEAD');
  expect((await send('DELETE', '/interaction/abc')).headers.get('allow')).toBe('GET, POST');
});

test('a form that is too large, or in another format, is refused', async () => {
  const large = await send('POST', '/interaction/abc', FORM, `answer=${'x'.repeat(5000)}`);
  expect(large.status).toBe(413);
  expect(large.text).toContain('This request is too large');
  const json = { 'content-type': 'application/xml' };
  expect(await send('POST', '/interaction/abc', json, '<a/>')).toMatchObject({ status: 415 });
});

test.each(['/token', '/token/revocation', '/token/introspection'])(
  '%s answers in JSON whatever happens',
  async (path) => {
    const answers = [
      await send('GET', path),
      await send('POST', path, FORM, ''),
      await send('POST', path, FORM, 'client_id=%zz&grant_type=a&grant_type=b'),
      await send('POST', path, { 'content-type': 'application/json' }, '{}'),
      await send('POST', path, FORM, `token=${'x'.repeat(60_000)}`),
      await send('POST', path, { ...FORM, authorization: 'Basic !!!' }, 'grant_type=client_credentials'),
    ];
    for (const { status, type, text } of answers) {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
      expect(type).toContain('application/json');
      expect(JSON.parse(text)).toMatchObject({ error: expect.stringMatching(/^[a-z_]+$/) });
    }
    expect(door.eventsNamed('fault')).toEqual([]);
  },
);

test.each([
  ['our own page', '/'],
  ['the OAuth server', '/session/end'],
])(
  'a fault in %s is a page with a reference that leads to the journal, and nothing more',
  async (_name, path) => {
    const browser = door.newBrowser();
    await goToConsent(browser, authorizationUrl(door, newProof()));
    vi.spyOn(door.artifacts, 'find').mockRejectedValue(new Error('database disk image is malformed'));
    const page = await browser.go(new URL(path, door.issuer));
    expect(page.status).toBe(500);
    expect(page.text).toContain('Something went wrong here');
    expect(page.text).not.toMatch(/malformed|Error|\.ts|node_modules/);
    const reference = /<code>([\w-]{8})<\/code>/.exec(page.text)?.[1];
    expect(door.eventsNamed('fault')).toMatchObject([{ session: reference, error: expect.any(Error) }]);
  },
);

test('a fault at the token endpoint is JSON without a trace', async () => {
  vi.spyOn(door.artifacts, 'find').mockRejectedValue(new Error('database disk image is malformed'));
  const { status, json } = await door.call('/token', {
    grant_type: 'refresh_token',
    refresh_token: 'x',
    client_id: 'postern-cli',
  });
  expect(status).toBe(500);
  expect(json['error']).toBe('server_error');
  expect(JSON.stringify(json)).not.toMatch(/malformed|Error/);
  expect(door.eventsNamed('fault')).toHaveLength(1);
});

test('https pages say that they want https from now on, http ones do not', async () => {
  expect((await send('GET', '/')).headers.get('strict-transport-security')).toMatch(/^max-age=\d{8}/);
  await door.close();
  door = await openTestDoor({ issuer: 'http://localhost:8080' });
  expect((await send('GET', '/')).headers.get('strict-transport-security')).toBeNull();
});

test('what programs look for and do not find is told in JSON', async () => {
  expect(await send('GET', '/.well-known/other')).toMatchObject({
    status: 404,
    type: 'application/json; charset=utf-8',
  });
});

test('the stylesheet and icon are there, and kept', async () => {
  const page = await send('GET', '/');
  const stylesheet = /<link rel="stylesheet" href="([^"]+)"/.exec(page.text)?.[1] ?? '';
  const css = await send('GET', stylesheet);
  expect(css).toMatchObject({ status: 200, type: 'text/css; charset=utf-8' });
  expect(css.headers.get('cache-control')).toContain('immutable');
  expect(page.headers.get('cache-control')).toBe('no-store');
  expect((await send('GET', '/assets/icon.svg')).type).toContain('image/svg+xml');
});

test.each<[string, string[], string]>([
  ['without a proxy, headers are not believed', [], '127.0.0.1'],
  ['nor from who is not the proxy', ['10.0.0.0/24'], '127.0.0.1'],
  ['behind a proxy the peer is the one it names last', ['127.0.0.1'], '203.0.113.7'],
  ['behind two, the one that the outer names last', ['127.0.0.0/8', '203.0.113.7'], '198.51.100.9'],
])('%s', async (_name, from, peer) => {
  await door.close();
  door = await openTestDoor(from.length === 0 ? {} : { reverseProxy: { from } });
  const url = authorizationUrl(door, newProof(), { redirect_uri: 'https://evil.example/' });
  await door.newBrowser().go(url, { 'x-forwarded-for': '192.0.2.1, 198.51.100.9, 203.0.113.7' });
  expect(door.eventsNamed('clientRefused').at(-1)?.['peer']).toBe(peer);
});

test('a client that is gone when its request is looked at leaves no fault, behind a proxy or not', async () => {
  for (const from of [[], ['127.0.0.1']]) {
    await door.close();
    door = await openTestDoor(from.length === 0 ? {} : { reverseProxy: { from } });
    // Its socket has no address any more.
    const headers = { 'x-forwarded-for': '192.0.2.1' };
    const request = Object.assign(new IncomingMessage(new Socket()), { method: 'GET', url: '/', headers });
    const response = new ServerResponse(request);
    await door.server.app.ready();
    response.assignSocket(new PassThrough() as never);
    const answered = once(response, 'finish');
    door.server.app.server.emit('request', request, response);
    await answered;
    expect(response.statusCode).toBe(200);
    expect(door.eventsNamed('fault')).toEqual([]);
  }
});

test('a client that hangs up in mid-request leaves no fault', async () => {
  await door.server.listen();
  const { port } = door.server.app.server.address() as AddressInfo;
  const closed = new Promise((resolve) => {
    door.server.app.server.once('connection', (socket) => socket.once('close', resolve));
  });
  const client = connect(port, '127.0.0.1', () => {
    client.write('POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n');
    client.write('Content-Type: application/x-www-form-urlencoded\r\n\r\ngrant_type=', () =>
      client.resetAndDestroy(),
    );
  });
  await closed;
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
  expect(door.eventsNamed('fault')).toEqual([]);
});

test('an empty host listens on every address', async () => {
  await door.close();
  door = await openTestDoor({ listen: { host: '', port: 0 } });
  await door.server.listen();
  const { port } = door.server.app.server.address() as AddressInfo;
  expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
});

test('a port in use is the system’s error', async () => {
  await door.server.listen();
  const { port } = door.server.app.server.address() as AddressInfo;
  const second = await openTestDoor({ listen: { host: '127.0.0.1', port } });
  await expect(second.server.listen()).rejects.toMatchObject({ code: 'EADDRINUSE' });
  await second.close();
});
