// Every grant against endpoints that behave as the providers' documentation says.

import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { Secret } from '../../../../src/setting.ts';
import { type Issued, makeAuthority } from '../../../support/certificate-maker.ts';
import { parseJwt } from '../../../support/parsed-jwt.ts';
import { exchangedTokens } from '../../../support/strict-token-endpoints.ts';
import { type Given, type Script, startTokenEndpoint } from '../../../support/token-endpoint.ts';
import {
  GOOGLE_TOKEN_URI,
  googleTokens,
  microsoftTokens,
} from '../../../support/upstream-token-endpoints.ts';
import { CLIENT_SECRET, counting, RSA, RSA_PEM, redirectedTo, situation } from './situation.ts';

const MAIL = 'https://mail.google.com/';
const TENANT = '11111111-2222-3333-4444-555555555555';

const GOOGLE_KEY = JSON.stringify({
  type: 'service_account',
  project_id: 'example',
  private_key_id: 'key-1',
  private_key: RSA_PEM,
  client_email: 'postern@example.iam.gserviceaccount.com',
  client_id: '1',
  token_uri: GOOGLE_TOKEN_URI,
});

function workspace(given = new Map<string, Given>(), delegated = [MAIL]): Script {
  const account = {
    clientEmail: 'postern@example.iam.gserviceaccount.com',
    keys: { 'key-1': RSA.publicKey },
    delegated,
    mailboxes: ['alice@example.org', 'bob@example.org'],
  };
  return googleTokens({ accounts: [account], given });
}

function atGoogle(script: Script, key = GOOGLE_KEY) {
  let url = '';
  const made = situation(
    script,
    {
      grant: 'jwt-bearer',
      clientId: undefined as never,
      clientSecret: undefined as never,
      serviceAccount: new Secret(key),
      scopes: [MAIL],
      tokenEndpoint: undefined as never,
    },
    { fetch: redirectedTo(() => url) },
  );
  return made.then((found) => {
    url = found.endpoint.url;
    return found;
  });
}

describe('jwt-bearer with a service account, as Google documents it', () => {
  it('gives each mailbox its own token, and names nobody else', async () => {
    const given = new Map<string, Given>();
    const { ask, endpoint } = await atGoogle(workspace(given));
    const alice = await ask({ mailbox: 'alice@example.org' });
    const bob = await ask({ mailbox: 'bob@example.org' });
    expect(given.get(alice)).toEqual({ mailbox: 'alice@example.org', scope: MAIL });
    expect(given.get(bob)?.mailbox).toBe('bob@example.org');
    expect(await ask({ mailbox: 'alice@example.org' })).toBe(alice);
    expect(endpoint.requests).toHaveLength(2);
    // RFC 7521 §4.1: the assertion says who the client is.
    expect([...(endpoint.requests[0]?.form.keys() ?? [])].sort()).toEqual(['assertion', 'grant_type']);
    const { header, claims } = parseJwt(endpoint.requests[0]?.form.get('assertion') ?? '') ?? {};
    expect(header).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'key-1' });
    expect(Object.keys(claims ?? {}).sort()).toEqual(['aud', 'exp', 'iat', 'iss', 'jti', 'scope', 'sub']);
  });

  it('tells what is missing where the scope was not delegated', async () => {
    const { ask } = await atGoogle(workspace(undefined, []));
    expect(await ask()).toBe(
      'upstream-login: https://oauth2.googleapis.com/token answered unauthorized_client: Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested. (the client may not use this grant, or not for these scopes and this mailbox)',
    );
  });

  it('tells that the key is not (or no more) the account’s', async () => {
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const pem = other.export({ type: 'pkcs8', format: 'pem' });
    const { ask } = await atGoogle(
      workspace(),
      JSON.stringify({ ...JSON.parse(GOOGLE_KEY), private_key: pem }),
    );
    expect(await ask()).toMatch(/^upstream-login: .* answered invalid_grant: Invalid JWT Signature\. /);
  });

  it('tells that a clock is wrong', async () => {
    const { ask, clock } = await atGoogle(workspace());
    clock.now -= 3_600_000;
    expect(await ask()).toMatch(
      /answered invalid_grant: Invalid JWT: Token must be a short-lived token \(60 minutes\)/,
    );
  });

  it('keeps a mailbox that there is not from others', async () => {
    const { ask } = await atGoogle(workspace());
    expect(await ask({ mailbox: 'nobody@example.org' })).toMatch(/invalid_grant: Invalid email or User ID/);
    expect(await ask({ mailbox: 'alice@example.org' })).toMatch(/^ya29\./);
  });

  it('may go by another address, and is still meant for Google', async () => {
    const { ask, endpoint } = await situation(workspace(), {
      grant: 'jwt-bearer',
      clientId: undefined as never,
      clientSecret: undefined as never,
      serviceAccount: new Secret(GOOGLE_KEY),
      scopes: [MAIL],
    });
    expect(await ask()).toMatch(/^ya29\./);
    expect(endpoint.requests).toHaveLength(1);
  });

  it('asks nothing for an empty sender', async () => {
    const { ask, endpoint } = await atGoogle(workspace());
    expect(await ask({ mailbox: '' })).toMatch(/^upstream-login: .*sender is empty/);
    expect(endpoint.requests).toHaveLength(0);
  });
});

describe('jwt-bearer with a key of the operator’s', () => {
  const EC_PEM = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const ED_PEM = generateKeyPairSync('ed25519').privateKey;

  it.each([
    ['RS256', RSA.privateKey],
    ['ES256', EC_PEM],
    ['EdDSA', ED_PEM],
  ])('signs with %s', async (algorithm, key) => {
    const { ask, endpoint } = await situation(counting(), {
      grant: 'jwt-bearer',
      clientSecret: undefined as never,
      clientKey: new Secret(key.export({ type: 'pkcs8', format: 'pem' }) as string),
      keyId: 'k1',
    });
    expect(await ask()).toBe('token-1');
    const [asked] = endpoint.requests;
    const jwt = parseJwt(asked?.form.get('assertion') ?? '');
    expect(jwt?.header).toEqual({ alg: algorithm, typ: 'JWT', kid: 'k1' });
    expect(jwt?.isSignedBy(key)).toBe(true);
    expect(jwt?.claims).toMatchObject({ iss: 'postern', sub: 'alice@example.org', aud: endpoint.url });
    expect(Number(jwt?.claims['exp']) - Number(jwt?.claims['iat'])).toBe(300);
    expect(asked?.form.get('scope')).toBe('mail.send');
    expect(asked?.clientId).toBeUndefined();
  });
});

describe('client-credentials, as Microsoft documents it', () => {
  const SCOPE = 'https://outlook.office365.com/.default';
  let issued: Issued;
  let file: string;

  beforeAll(async () => {
    issued = await (await makeAuthority()).issue({ names: [], commonName: 'postern', kind: 'rsa' });
    file = join(await mkdtemp(join(tmpdir(), 'oauth-')), 'certificate.pem');
    writeFileSync(file, issued.certificate);
  });

  function atMicrosoft(script: Script, more: object = {}) {
    let url = '';
    const given = { tenant: TENANT, scopes: [SCOPE], ...more };
    const made = situation(script, given, { fetch: redirectedTo(() => url) });
    return made.then((found) => {
      url = found.endpoint.url;
      return found;
    });
  }

  it('has one token for all mailboxes', async () => {
    const apps = { postern: { secret: CLIENT_SECRET } };
    const { ask, endpoint } = await atMicrosoft(microsoftTokens({ tenant: TENANT, apps }));
    const token = await ask({ mailbox: 'alice@example.org' });
    expect(token).toMatch(/^eyJ/);
    expect(await ask({ mailbox: 'bob@example.org' })).toBe(token);
    expect(endpoint.requests).toHaveLength(1);
    expect(Object.fromEntries(endpoint.requests[0]?.form ?? [])).toEqual({
      grant_type: 'client_credentials',
      scope: SCOPE,
      client_id: 'postern',
      client_secret: CLIENT_SECRET,
    });
  });

  it('signs in with a certificate', async () => {
    const apps = { postern: { certificate: issued.certificate } };
    const { ask, endpoint } = await atMicrosoft(microsoftTokens({ tenant: TENANT, apps }), {
      clientSecret: undefined,
      clientKey: new Secret(issued.key),
      clientCertificate: file,
    });
    expect(await ask()).toMatch(/^eyJ/);
    expect(endpoint.requests[0]?.form.get('client_assertion_type')).toBe(
      'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    );
  });

  it.each([
    [
      'a wrong secret',
      { apps: { postern: { secret: 'another' } } },
      'invalid_client: AADSTS7000215: Invalid client secret provided.',
    ],
    [
      'an unknown app',
      { apps: {} },
      "unauthorized_client: AADSTS700016: Application with identifier 'postern' was not found",
    ],
    [
      'an unknown tenant',
      { tenant: 'other', apps: {} },
      `invalid_request: AADSTS90002: Tenant '${TENANT}' not found.`,
    ],
  ])('tells Microsoft’s own words for %s', async (_, entra, words) => {
    const { ask } = await atMicrosoft(microsoftTokens({ tenant: TENANT, ...entra }));
    const told = await ask();
    expect(told).toContain(
      `upstream-login: https://login.microsoftonline.com/${TENANT}/oauth2/v2.0/token answered ${words}`,
    );
    expect(told).not.toContain(CLIENT_SECRET);
    expect(told).not.toMatch(/[\r\n]/);
  });

  it('tells that a certificate is not registered', async () => {
    const { ask } = await atMicrosoft(microsoftTokens({ tenant: TENANT, apps: { postern: {} } }), {
      clientSecret: undefined,
      clientKey: new Secret(issued.key),
      clientCertificate: file,
    });
    expect(await ask()).toMatch(
      /invalid_client: AADSTS700027: .*check clientId and clientSecret or clientKey/,
    );
  });

  it('exchanges the user’s token on their behalf', async () => {
    const given = new Map<string, Given>();
    const script = microsoftTokens({
      tenant: TENANT,
      apps: { postern: { secret: CLIENT_SECRET } },
      userTokens: new Map([['user-token', 'alice@example.org']]),
      given,
    });
    const { ask } = await atMicrosoft(script, { grant: 'on-behalf-of' });
    expect(given.get(await ask({ userToken: 'user-token' }))?.mailbox).toBe('alice@example.org');
    expect(await ask({ userToken: 'a-stranger-to-entra' })).toMatch(/invalid_grant: AADSTS50013/);
    expect(await ask({})).toMatch(/^upstream-login: .*not signed in with a token/);
  });
});

describe('client authentication', () => {
  it('goes into the header where nothing else is known (RFC 6749 §2.3.1)', async () => {
    const { ask, endpoint } = await situation(counting(), {
      audience: 'https://smtp.example.org',
      resource: 'urn:smtp',
    });
    expect(await ask()).toBe('token-1');
    const [asked] = endpoint.requests;
    expect(asked?.headers.authorization).toMatch(/^Basic /);
    expect(asked).toMatchObject({ clientId: 'postern', clientSecret: CLIENT_SECRET });
    expect(Object.fromEntries(asked?.form ?? [])).toEqual({
      grant_type: 'client_credentials',
      scope: 'mail.send',
      audience: 'https://smtp.example.org',
      resource: 'urn:smtp',
    });
  });

  it('goes into the body where the operator says so', async () => {
    const { ask, endpoint } = await situation(counting(), { clientSecretIn: 'body' });
    await ask();
    expect(endpoint.requests[0]?.headers.authorization).toBeUndefined();
    expect(endpoint.requests[0]?.form.get('client_secret')).toBe(CLIENT_SECRET);
  });

  it('follows the issuer’s metadata, which also name the endpoint', async () => {
    let url = '';
    const found = await situation(
      ({ path }) =>
        path.startsWith('/.well-known')
          ? {
              body: {
                issuer: 'https://id.example.org',
                token_endpoint: 'https://id.example.org/fetch/here',
                token_endpoint_auth_methods_supported: ['client_secret_post'],
              },
            }
          : {
              body: { access_token: path, token_type: 'bearer', expires_in: '3599', id_token: 'not.for.us' },
            },
      { issuer: 'https://id.example.org' },
      { fetch: redirectedTo(() => url) },
    );
    url = found.endpoint.url;
    expect(await found.ask()).toBe('/fetch/here');
    expect(found.endpoint.requests.map(({ path }) => path)).toEqual([
      '/.well-known/openid-configuration',
      '/fetch/here',
    ]);
    expect(found.endpoint.requests[1]?.form.get('client_secret')).toBe(CLIENT_SECRET);
  });

  it('refuses where the issuer does not answer', async () => {
    const gone = await startTokenEndpoint(() => 'hang');
    await gone.close();
    const { ask } = await situation(() => 'hang', { issuer: new URL(gone.url).origin });
    expect(await ask()).toMatch(/^upstream-unavailable: discovery: .*cannot be reached \(ECONNREFUSED\)/);
  });
});

describe('token-exchange (RFC 8693)', () => {
  it('gives each user’s token its own', async () => {
    const given = new Map<string, Given>();
    const users = new Map([
      ['token-of-alice', 'alice@example.org'],
      ['token-of-bob', 'bob@example.org'],
    ]);
    const { ask, endpoint } = await situation(exchangedTokens(users, given), { grant: 'token-exchange' });
    const alice = await ask({ userToken: 'token-of-alice' });
    const bob = await ask({ userToken: 'token-of-bob', mailbox: 'alice@example.org' });
    expect([given.get(alice)?.mailbox, given.get(bob)?.mailbox]).toEqual([
      'alice@example.org',
      'bob@example.org',
    ]);
    expect(await ask({ userToken: 'token-of-alice', mailbox: 'other@example.org' })).toBe(alice);
    expect(endpoint.requests).toHaveLength(2);
    expect(endpoint.requests[0]?.clientSecret).toBe(CLIENT_SECRET);
  });

  it('refuses without a user’s token, and tells where it is not taken', async () => {
    const { ask, endpoint } = await situation(exchangedTokens(new Map()), { grant: 'token-exchange' });
    expect(await ask()).toMatch(/^upstream-login: /);
    expect(endpoint.requests).toHaveLength(0);
    expect(await ask({ userToken: 'x' })).toContain(
      'answered invalid_request: subject_token is not acceptable',
    );
  });
});

describe('pass-through', () => {
  it('hands on the user’s own token, and has no other when that is refused', async () => {
    const { ask, endpoint } = await situation(() => 'hang', { grant: 'pass-through' });
    expect(await ask({ userToken: 'mine' })).toBe('mine');
    expect(await ask({ userToken: 'mine', refused: 'mine' })).toMatch(/^upstream-login: /);
    expect(await ask({ userToken: 'a-newer-one', refused: 'mine' })).toBe('a-newer-one');
    expect(await ask()).toMatch(/^upstream-login: /);
    expect(endpoint.requests).toHaveLength(0);
  });
});
