import { afterEach, expect, test } from 'vitest';
import { createHttp } from '../../../src/authorization/http.ts';
import {
  registerProtectedResource,
  resourceIdentifiers,
} from '../../../src/authorization/protected-resource.ts';
import { MAIL, openTestDoor, type TestDoor } from '../../support/authorization-server.ts';

let door: TestDoor | undefined;
afterEach(async () => {
  await door?.close();
  door = undefined;
});

const ISSUER = 'https://mail.example.org';

async function get(service: { audience: string; hostname: string }, url: string) {
  const app = await createHttp({
    issuer: new URL(ISSUER),
    site: { hostname: service.hostname, identityProvider: 'Example Login' },
    proxies: [],
    events: { fault: () => {} },
  });
  registerProtectedResource(app, { service, issuer: ISSUER });
  const answer = await app.inject({ url });
  await app.close();
  return {
    status: answer.statusCode,
    headers: answer.headers,
    json: answer.json() as Record<string, unknown>,
  };
}

// RFC 9728 §2 and §3.
test('it says whose tokens count, for what, and that no HTTP header carries them', async () => {
  door = await openTestDoor();
  const answer = await door.transport({
    method: 'GET',
    url: new URL('/.well-known/oauth-protected-resource', door.issuer),
    headers: {},
  });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toContain('application/json');
  expect(answer.headers.get('cache-control')).toBe('public, max-age=300');
  expect(answer.headers.get('access-control-allow-origin')).toBe('*');
  expect(JSON.parse(answer.text)).toEqual({
    resource: 'https://mail.example.org',
    authorization_servers: [door.issuer],
    scopes_supported: [MAIL, 'smtp.submit'],
    bearer_methods_supported: [],
    resource_name: 'Mail submission at mail.example.org',
  });
});

// RFC 9728 §3.3: a client drops a document whose `resource` is not the identifier it began with.
test.each([
  ['https://mail.example.org', '/.well-known/oauth-protected-resource', 'https://mail.example.org'],
  [
    'https://mail.example.org/submission',
    '/.well-known/oauth-protected-resource/submission',
    'https://mail.example.org/submission',
  ],
  [
    'https://mail.example.org/submission',
    '/.well-known/oauth-protected-resource',
    'https://smtp.example.org',
  ],
  ['urn:example:submission', '/.well-known/oauth-protected-resource', 'https://smtp.example.org'],
])('for the audience %s, %s speaks of %s', async (audience, url, resource) => {
  const { json } = await get({ audience, hostname: 'smtp.example.org' }, url);
  expect(json['resource']).toBe(resource);
  expect(resourceIdentifiers({ audience, hostname: 'smtp.example.org' })).toContain(resource);
});

test('there is none of another resource', async () => {
  const service = { audience: 'https://mail.example.org', hostname: 'mail.example.org' };
  for (const path of ['/other', '/', '/../x']) {
    expect((await get(service, `/.well-known/oauth-protected-resource${path}`)).status).toBe(404);
  }
});

test('the OAuth server names every host that its tokens may be sent to', () => {
  expect(resourceIdentifiers({ audience: ISSUER, hostname: 'mail.example.org' })).toEqual([ISSUER]);
  expect(resourceIdentifiers({ audience: ISSUER, hostname: 'smtp.example.net' })).toEqual([
    ISSUER,
    'https://smtp.example.net',
  ]);
});
