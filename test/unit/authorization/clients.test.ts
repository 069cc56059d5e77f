import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { clientMetadata } from '../../../src/authorization/clients.ts';
import type { ClientSettings } from '../../../src/authorization/settings.ts';
import { Secret } from '../../../src/setting.ts';
import { openTestDoor } from '../../support/authorization-server.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postern-clients-'));
});
afterAll(() => rm(folder, { recursive: true }));

function client(changes: Partial<ClientSettings>): ClientSettings {
  return { clientId: 'one', redirectUris: [], sendAs: [], ...changes };
}

async function only(changes: Partial<ClientSettings>) {
  return (await clientMetadata([client(changes)], { deviceGrant: true }))[0];
}

test('without a secret it is public, and never gets client credentials', async () => {
  expect(
    await only({ redirectUris: ['org.example.mail:/callback'], sendAs: ['a@example.org'] }),
  ).toMatchObject({
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  });
});

test('with a secret and addresses it is an app', async () => {
  expect(await only({ clientSecret: new Secret('s3cret'), sendAs: ['a@example.org'] })).toMatchObject({
    client_name: 'one',
    token_endpoint_auth_method: 'client_secret_basic',
    client_secret: 's3cret',
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
  });
});

test('with a key set it proves itself by private_key_jwt', async () => {
  const jwks = { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y' }] };
  const file = join(folder, 'jwks.json');
  await writeFile(file, JSON.stringify(jwks));
  expect(await only({ jwks: file, sendAs: ['a@example.org'] })).toMatchObject({
    token_endpoint_auth_method: 'private_key_jwt',
    jwks,
  });
});

test('the device grant is for those it was given to, and for the command line, where it is offered', async () => {
  const code = 'urn:ietf:params:oauth:grant-type:device_code';
  expect(await only({ deviceGrant: true })).toMatchObject({
    grant_types: [code, 'refresh_token'],
    response_types: [],
  });
  expect((await only({ redirectUris: ['org.example:/x'] }))?.grant_types).not.toContain(code);
  const [builtIn] = await clientMetadata([], { deviceGrant: true });
  expect(builtIn?.grant_types).toEqual(['authorization_code', code, 'refresh_token']);
  const [without] = await clientMetadata([], { deviceGrant: false });
  expect(without?.grant_types).toEqual(['authorization_code', 'refresh_token']);
});

test('an unreadable key set names client and file', async () => {
  const file = join(folder, 'missing.json');
  await expect(only({ jwks: file })).rejects.toThrow(`client one: cannot read the key set ${file}`);
});

test('the command line has a client of its own, unless one is configured', async () => {
  const offered = { deviceGrant: true };
  const builtIn = (await clientMetadata([], offered)).map(({ client_id: id, redirect_uris: uris }) => ({
    id,
    uris,
  }));
  expect(builtIn).toEqual([
    {
      id: 'postern-cli',
      uris: ['http://127.0.0.1/callback', 'http://[::1]/callback', 'http://localhost/callback'],
    },
  ]);
  const own = await clientMetadata(
    [client({ clientId: 'postern-cli', redirectUris: ['org.example:/x'] })],
    offered,
  );
  expect(own.map(({ redirect_uris: uris }) => uris)).toEqual([['org.example:/x']]);
});

test('a bare loopback address is registered with and without its slash', async () => {
  const metadata = await only({ redirectUris: ['http://127.0.0.1', 'http://localhost:9000/'] });
  expect(metadata?.redirect_uris).toEqual([
    'http://127.0.0.1',
    'http://127.0.0.1/',
    'http://localhost:9000',
    'http://localhost:9000/',
  ]);
});

test('a client that cannot work stops the start, by name', async () => {
  const door = openTestDoor({ clients: [client({ redirectUris: ['javascript:alert(1)'] })] });
  await expect(door).rejects.toThrow(/client one cannot be used: redirect_uris/);
});
