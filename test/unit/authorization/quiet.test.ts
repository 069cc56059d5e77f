// The journal is the only place where Postern speaks: what the OAuth library would print must not be.

import { afterEach, expect, test, vi } from 'vitest';
import {
  authorizationUrl,
  newProof,
  obtainTokens,
  openTestDoor,
} from '../../support/authorization-server.ts';

afterEach(() => vi.restoreAllMocks());

test('nothing is written to the console, through the whole life of a grant and its errors', async () => {
  const written: unknown[] = [];
  for (const method of ['log', 'info', 'warn', 'error', 'debug'] as const) {
    vi.spyOn(console, method).mockImplementation((...values) => void written.push(values));
  }
  for (const stream of [process.stdout, process.stderr]) {
    vi.spyOn(stream, 'write').mockImplementation((text) => {
      written.push(text);
      return true;
    });
  }
  const door = await openTestDoor();
  const browser = door.newBrowser();
  const app = { id: 'billing-app', secret: 'billing-app-secret-0123456789' };
  const tokens = await obtainTokens(door, browser, { scope: undefined });
  const offline = await obtainTokens(door, browser, { prompt: 'consent' });
  await door.call('/token', {
    grant_type: 'refresh_token',
    refresh_token: offline.refresh_token,
    client_id: 'postern-cli',
  });
  await door.call('/token', { grant_type: 'client_credentials' }, app);
  await door.call('/token', { grant_type: 'client_credentials' }, { ...app, secret: 'wrong' });
  await door.call('/token/introspection', { token: tokens.access_token }, app);
  await door.call('/token/revocation', { token: offline.refresh_token, client_id: 'postern-cli' });
  await browser.go(authorizationUrl(door, newProof(), { redirect_uri: 'https://evil.example/' }));
  await browser.press(await browser.go(`${door.issuer}/session/end`), 'logout', 'yes');
  await browser.go(`${door.issuer}/session/end`);
  vi.spyOn(door.artifacts, 'find').mockRejectedValue(new Error('no store'));
  await door.call('/token', { grant_type: 'refresh_token', refresh_token: 'x', client_id: 'postern-cli' });
  await browser.go(`${door.issuer}/session/end`);
  await door.close();
  vi.restoreAllMocks();
  expect(written).toEqual([]);
});
