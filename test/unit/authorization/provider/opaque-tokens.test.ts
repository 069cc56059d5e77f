// Opaque access tokens: who gets one, how long it is, what it says to the verifier, and everything that ends it.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ClientSettings } from '../../../../src/authorization/settings.ts';
import type { Principal } from '../../../../src/principal.ts';
import { isRefusal } from '../../../../src/refusal.ts';
import { Secret } from '../../../../src/setting.ts';
import { concerns } from '../../../../src/token/withdrawal/revocations.ts';
import {
  APP,
  AUDIENCE,
  authorizationUrl,
  exchangeCode,
  MAIL,
  newKept,
  newProof,
  obtainTokens,
  openTestDoor,
  signInAndAllow,
  type TestDoor,
  type Tokens,
} from '../../../support/authorization-server.ts';
import { introspectionSettings, trustedIssuer } from '../../../support/tokens.ts';

const POCKET: ClientSettings = {
  clientId: 'pocket-mail',
  redirectUris: ['http://127.0.0.1/callback'],
  sendAs: [],
  accessTokenFormat: 'opaque',
};
const SCANNER: ClientSettings = {
  clientId: 'scanner',
  clientSecret: new Secret('scanner-secret-0123456789'),
  redirectUris: [],
  sendAs: ['scanner@example.org'],
  accessTokenFormat: 'opaque',
};
const CLIENTS = [APP, POCKET, SCANNER];
const scanner = { id: 'scanner', secret: 'scanner-secret-0123456789' };
const app = { id: 'billing-app', secret: 'billing-app-secret-0123456789' };
const START = Date.parse('2026-03-01T12:00:00Z');

let kept: ReturnType<typeof newKept>;
let door: TestDoor;
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'], now: START });
  kept = newKept();
  door = await openTestDoor({ clients: CLIENTS }, { kept });
});
afterEach(async () => {
  await door.close();
  vi.useRealTimers();
});

async function signIn(): Promise<Tokens> {
  const proof = newProof();
  const url = authorizationUrl(door, proof, { client_id: 'pocket-mail' });
  const answer = await signInAndAllow(door.newBrowser(), url);
  const { status, json } = await exchangeCode(door, answer, proof, { client_id: 'pocket-mail' });
  expect(status, JSON.stringify(json)).toBe(200);
  return json as unknown as Tokens;
}

async function appToken(client = scanner): Promise<string> {
  const { json } = await door.call('/token', { grant_type: 'client_credentials' }, client);
  return String(json['access_token']);
}

async function principalOf(token: string): Promise<Principal> {
  const verdict = await door.verifier.verify(token);
  if (isRefusal(verdict)) throw new Error(verdict.reason);
  return verdict;
}

async function codeOf(token: string): Promise<string> {
  const verdict = await door.verifier.verify(token);
  return isRefusal(verdict) ? verdict.code : 'good';
}

const form = (token: string) => ({ token, client_id: 'pocket-mail' });
const introspect = async (token: string) => (await door.call('/token/introspection', { token }, app)).json;

describe('issued to a client of that format', () => {
  test('a person’s token is short and stands for the person like a signed one', async () => {
    const { access_token: token } = await signIn();
    expect(token).toMatch(/^[\w-]{43}$/);
    const now = START / 1000;
    const principal = await principalOf(token);
    expect(principal).toMatchObject({
      issuer: door.issuer,
      clientId: 'pocket-mail',
      addresses: ['alice@example.org'],
      scopes: [MAIL],
      issuedAt: now,
      expiresAt: now + 900,
      tokenId: expect.stringMatching(/^[\w-]{16}\.[\w-]{11}$/),
    });
    expect(principal.tokenId?.slice(0, 16)).toBe(principal.grantId);
    const [issued] = door.eventsNamed('tokenIssued');
    expect(issued).toMatchObject({ tokenId: principal.tokenId, grant: principal.grantId });
    expect(JSON.stringify(door.events)).not.toContain(token);
  });

  test('an app’s token stands for the app, with no grant', async () => {
    expect(await principalOf(await appToken())).toMatchObject({
      subject: 'scanner',
      clientId: 'scanner',
      addresses: ['scanner@example.org'],
      grantId: undefined,
      tokenId: expect.stringMatching(/^\.[\w-]{11}$/),
    });
  });

  test('a refreshed one is a new one, of the same grant', async () => {
    const { access_token: first, refresh_token } = await signIn();
    const { json } = await door.call('/token', {
      grant_type: 'refresh_token',
      refresh_token,
      client_id: 'pocket-mail',
    });
    const second = String(json['access_token']);
    expect(second).toMatch(/^[\w-]{43}$/);
    expect(second).not.toBe(first);
    expect((await principalOf(second)).grantId).toBe((await principalOf(first)).grantId);
    // No other kind of token passes for one.
    expect(await codeOf(String(json['refresh_token']))).toBe('token-type');
  });

  test('all others get signed ones', async () => {
    expect((await obtainTokens(door)).access_token.split('.')).toHaveLength(3);
    expect((await appToken(app)).split('.')).toHaveLength(3);
  });

  test('the store does not hold its text', async () => {
    const { access_token: token } = await signIn();
    const put = vi.spyOn(kept.artifacts, 'put');
    const second = await appToken();
    expect(put).toHaveBeenCalledWith('ClientCredentials', expect.any(String), expect.anything());
    expect(JSON.stringify(put.mock.calls)).not.toContain(second);
    expect(await kept.artifacts.find('AccessToken', token, 0)).toBeUndefined();
  });
});

test.each([
  ['cut off', (token: string) => token.slice(0, -1), 'token-malformed'],
  ['with a character too many', (token: string) => `${token}A`, 'token-malformed'],
  [
    'with another last character',
    (t: string) => t.slice(0, -1) + (t.endsWith('A') ? 'B' : 'A'),
    'token-revoked',
  ],
])('%s it is refused', async (_name, change, code) => {
  const { access_token: token } = await signIn();
  expect(await codeOf(token)).toBe('good');
  expect(await codeOf(change(token))).toBe(code);
});

test('another Postern’s is unknown, and a guess costs three look-ups by key and no question to anybody', async () => {
  const other = await openTestDoor({ clients: CLIENTS });
  try {
    const { json } = await other.call('/token', { grant_type: 'client_credentials' }, scanner);
    const find = vi.spyOn(kept.artifacts, 'find');
    expect(await codeOf(String(json['access_token']))).toBe('token-revoked');
    expect(find).toHaveBeenCalledTimes(3);
  } finally {
    await other.close();
  }
});

test('it expires when a signed one would, and is called expired', async () => {
  const { access_token: token } = await signIn();
  expect(await codeOf(token)).toBe('good');
  vi.setSystemTime(START + 900_000 + 59_000);
  expect(await codeOf(token)).toBe('good');
  expect(await introspect(token)).toEqual({ active: false });
  vi.setSystemTime(START + 900_000 + 60_000);
  expect(await codeOf(token)).toBe('token-expired');
  vi.setSystemTime(START + 3_600_000);
  expect(await codeOf(token)).toBe('token-revoked');
});

const WHY = { cause: 'by hand' } as never;
const CAUSES: Record<string, (tokens: Tokens, principal: Principal) => Promise<unknown>> = {
  'the program revokes it': ({ access_token }) => door.call('/token/revocation', form(access_token)),
  'the program revokes its refresh token': ({ refresh_token }) =>
    door.call('/token/revocation', form(refresh_token)),
  'the operator ends the token': (_tokens, { issuer, tokenId }) =>
    door.server.access.endToken({ issuer, tokenId: String(tokenId) }, WHY),
  'the operator ends the grant': (_tokens, { grantId }) => door.server.access.endGrant(String(grantId), WHY),
  'the person loses access': () => door.server.access.endPerson({ address: 'alice@example.org' }, WHY),
  'the client loses access': () => door.server.access.endClient('pocket-mail', WHY),
};

describe.each(Object.entries(CAUSES))('%s:', (_name, end) => {
  test('it is refused at once, inactive, and live sessions are told', async () => {
    const tokens = await signIn();
    const principal = await principalOf(tokens.access_token);
    expect(await introspect(tokens.access_token)).toMatchObject({ active: true, jti: principal.tokenId });
    const told: boolean[] = [];
    door.revocations.onRevoked((revocation) => void told.push(concerns(revocation, principal)));
    await end(tokens, principal);
    expect(told).toContain(true);
    expect(await codeOf(tokens.access_token)).toBe('token-revoked');
    expect(await introspect(tokens.access_token)).toEqual({ active: false });
  });
});

test('revoking it leaves the grant as it is', async () => {
  const { access_token, refresh_token } = await signIn();
  expect((await door.call('/token/revocation', form(access_token))).status).toBe(200);
  const refresh = { grant_type: 'refresh_token', refresh_token, client_id: 'pocket-mail' };
  const { json } = await door.call('/token', refresh);
  expect(await codeOf(String(json['access_token']))).toBe('good');
  expect(door.eventsNamed('tokenRevoked')).toHaveLength(1);
});

test('another client may not revoke it', async () => {
  const { access_token: token } = await signIn();
  const refused = await door.call('/token/revocation', { token }, app);
  expect(refused).toMatchObject({ status: 400, json: { error: 'invalid_request' } });
  expect(await codeOf(token)).toBe('good');
});

test('introspection tells of it what it tells of a signed one', async () => {
  expect(await introspect(await appToken())).toEqual({
    active: true,
    client_id: 'scanner',
    token_type: 'Bearer',
    scope: MAIL,
    iss: door.issuer,
    aud: AUDIENCE,
    sub: 'scanner',
    exp: START / 1000 + 900,
    jti: expect.stringMatching(/^\.[\w-]{11}$/),
  });
});

describe('after a restart', () => {
  async function restart(clients: readonly ClientSettings[]): Promise<void> {
    await door.close();
    door = await openTestDoor({ clients: [...clients] }, { kept });
  }

  test('it is as good as before, also where the client gets signed ones now', async () => {
    const { access_token: token } = await signIn();
    await restart([{ ...POCKET, accessTokenFormat: 'jwt' }]);
    expect(await codeOf(token)).toBe('good');
  });

  test('it has ended with a client that was taken out of the configuration', async () => {
    const { access_token: token } = await signIn();
    await restart([APP]);
    expect(await codeOf(token)).toBe('token-revoked');
    expect(await introspect(token)).toEqual({ active: false });
  });

  test('it has ended with its account, and where that is disabled', async () => {
    const { access_token: token } = await signIn();
    const { subject } = await principalOf(token);
    await kept.accounts.setDisabled(subject, true);
    await restart(CLIENTS);
    expect(await codeOf(token)).toBe('token-identity');
  });

  test('it has ended with its grant, were no revocation kept', async () => {
    const { access_token: token } = await signIn();
    for (const { id } of await kept.artifacts.list('Grant', { clientId: 'pocket-mail' }, PAGE)) {
      await kept.artifacts.remove('Grant', id);
    }
    await restart(CLIENTS);
    expect(await codeOf(token)).toBe('token-revoked');
  });
});

const PAGE = { now: 0, after: '', limit: 10 };

test.each([
  ['a certificate', { 'x5t#S256': 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2' }, 'good'],
  [
    'a key that cannot be proved over SMTP',
    { jkt: 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2' },
    'token-bound',
  ],
])('one bound to %s is good for nobody without it', async (_what, binding, withCertificate) => {
  const token = await appToken();
  const find = kept.artifacts.find;
  vi.spyOn(kept.artifacts, 'find').mockImplementation(async (...asked) => {
    const row = await find(...asked);
    return row && { ...row, payload: JSON.stringify({ ...JSON.parse(row.payload), ...binding }) };
  });
  expect(await codeOf(token)).toBe('token-bound');
  const shown = await door.verifier.verify(token, 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2');
  expect(isRefusal(shown) ? shown.code : 'good').toBe(withCertificate);
});

test('one for another audience is refused for that', async () => {
  const { access_token: token } = await signIn();
  const find = kept.artifacts.find;
  vi.spyOn(kept.artifacts, 'find').mockImplementation(async (...asked) => {
    const row = await find(...asked);
    return row && { ...row, payload: row.payload.replace(AUDIENCE, 'https://old.example.org') };
  });
  expect(await codeOf(token)).toBe('token-audience');
});

describe('beside an issuer that is asked about any opaque token', () => {
  const asked: string[] = [];
  async function reopen(clients = CLIENTS): Promise<void> {
    await door.close();
    const other = trustedIssuer('https://idp.example.net', {
      verification: 'introspection',
      introspection: introspectionSettings({ endpoint: 'https://idp.example.net/introspect' }),
    });
    const fetch: typeof globalThis.fetch = async (_url, init) => {
      asked.push(String(new URLSearchParams(String(init?.body)).get('token')));
      return Response.json({ active: false });
    };
    door = await openTestDoor({ clients }, { kept, trustedIssuers: [other], fetch });
  }
  beforeEach(async () => {
    asked.length = 0;
    await reopen();
  });

  test('it is shown to nobody, and what Postern does not know goes there as before', async () => {
    const { access_token: token } = await signIn();
    expect(await codeOf(token)).toBe('good');
    expect(asked).toEqual([]);
    const foreign = 'F'.repeat(43);
    expect(await codeOf(foreign)).toBe('token-revoked');
    expect(asked).toEqual([foreign]);
  });

  test('nor is a refresh token that somebody signs in with', async () => {
    const { refresh_token: token } = await signIn();
    expect(await codeOf(token)).toBe('token-type');
    const renewal = { grant_type: 'refresh_token', refresh_token: token, client_id: 'pocket-mail' };
    const { status, json } = await door.call('/token', renewal);
    expect(status).toBe(200);
    expect(await codeOf(token)).toBe('token-type');
    expect(await codeOf(String(json['access_token']))).toBe('good');
    expect(asked).toEqual([]);
  });

  test('nor is one that is not good now: its client may come back to the settings', async () => {
    const { access_token: token } = await signIn();
    await reopen([APP]);
    expect(await codeOf(token)).toBe('token-revoked');
    await reopen();
    expect(await codeOf(token)).toBe('good');
    expect(asked).toEqual([]);
  });

  test('nor are refresh tokens, when somebody asks about them or takes them back', async () => {
    const { refresh_token: token } = await signIn();
    expect(await introspect(token)).toEqual({ active: false });
    await door.call('/token/revocation', form(token));
    expect((await door.call('/token/revocation', form(token))).status).toBe(200);
    expect(await introspect(token)).toEqual({ active: false });
    expect(asked).toEqual([]);
  });
});
