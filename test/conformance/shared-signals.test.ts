// Shared Signals: push delivery of RFC 8935, events as the examples of CAEP 1.0 and RISC 1.0 have them, and what must be refused.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Secret } from '../../src/setting.ts';
import { ALICE, BOB, IDENTITY_PROVIDER } from '../support/authorization-identity-provider.ts';
import { newKept, obtainTokens, openTestDoor, type TestDoor } from '../support/authorization-server.ts';
import { CAEP, type Network, networkOf, RISC, SSF, sender } from '../support/signals.ts';
import { encodeJson, type TokenClaims, trustedIssuer } from '../support/tokens.ts';

const AUDIENCE = 'https://mail.example.org/signals/push';
const idp = sender(IDENTITY_PROVIDER);
const stranger = sender('https://stranger.example');
const SETTINGS = {
  sharedSignals: [
    {
      issuer: IDENTITY_PROVIDER,
      audience: AUDIENCE,
      push: { authorization: new Secret('Bearer of-the-transmitter') },
      allowInsecureHttp: false,
    },
  ],
};
const ALICE_SUBJECT = { format: 'iss_sub', iss: IDENTITY_PROVIDER, sub: 'alice-1' };

let network: Network;
let door: TestDoor;
let serial = 0;

beforeEach(async () => {
  network = networkOf(idp, stranger);
  door = await openTestDoor(SETTINGS, { fetch: network.fetch });
  door.identityProvider.person = { ...ALICE, sid: 'sid-of-alice' };
});
afterEach(() => door.close());

const seconds = () => Math.floor(Date.now() / 1000);

function claims(
  type: string,
  subject: unknown,
  payload: object = {},
  changes: TokenClaims = {},
): TokenClaims {
  serial += 1;
  return {
    iss: IDENTITY_PROVIDER,
    jti: `event-${serial}`,
    iat: seconds(),
    aud: AUDIENCE,
    txn: 8675309,
    sub_id: subject,
    events: { [type]: payload },
    ...changes,
  };
}

async function push(token: string, headers: Record<string, string> = {}) {
  const answer = await door.transport({
    method: 'POST',
    url: new URL('/signals/push', door.issuer),
    headers: {
      'content-type': 'application/secevent+jwt',
      accept: 'application/json',
      authorization: 'Bearer of-the-transmitter',
      ...headers,
    },
    body: token,
  });
  return { ...answer, json: answer.text === '' ? undefined : JSON.parse(answer.text) };
}

const tell = (type: string, subject: unknown, payload?: object) =>
  push(idp.event(claims(type, subject, payload)));
const outcomes = () => door.eventsNamed('signalReceived').map(({ outcome }) => outcome);
const isAlive = async (tokens: { access_token: string }) =>
  'addresses' in (await door.verifier.verify(tokens.access_token));

describe('delivery (RFC 8935)', () => {
  test('§2.2: an accepted event is 202 with an empty body', async () => {
    const answer = await tell(`${CAEP}session-revoked`, ALICE_SUBJECT);
    expect(answer.status).toBe(202);
    expect(answer.text).toBe('');
  });

  test.each<[name: string, err: string, token: () => string]>([
    ['garbage', 'invalid_request', () => 'garbage'],
    [
      'unsigned',
      'invalid_key',
      () =>
        `${encodeJson({ alg: 'none', typ: 'secevent+jwt' })}.${encodeJson(claims(`${CAEP}session-revoked`, ALICE_SUBJECT))}.`,
    ],
    [
      'wrong aud',
      'invalid_audience',
      () => idp.event(claims(`${CAEP}session-revoked`, ALICE_SUBJECT, {}, { aud: 'x' })),
    ],
    [
      'an unknown issuer',
      'invalid_issuer',
      () => stranger.event(claims(`${CAEP}session-revoked`, ALICE_SUBJECT, {}, { iss: stranger.issuer })),
    ],
    [
      'signed by somebody else',
      'invalid_key',
      () => stranger.event(claims(`${CAEP}session-revoked`, ALICE_SUBJECT)),
    ],
    [
      'future iat',
      'invalid_request',
      () => idp.event(claims(`${CAEP}session-revoked`, ALICE_SUBJECT, {}, { iat: seconds() + 3600 })),
    ],
    [
      'missing events',
      'invalid_request',
      () => idp.event(claims('', ALICE_SUBJECT, {}, { events: undefined })),
    ],
    [
      'an exp',
      'invalid_request',
      () => idp.event(claims(`${CAEP}session-revoked`, ALICE_SUBJECT, {}, { exp: seconds() + 60 })),
    ],
    [
      'no jti',
      'invalid_request',
      () => idp.event(claims(`${CAEP}session-revoked`, ALICE_SUBJECT, {}, { jti: undefined })),
    ],
    [
      'typ JWT',
      'invalid_request',
      () => idp.event(claims(`${CAEP}session-revoked`, ALICE_SUBJECT), { typ: 'JWT' }),
    ],
  ])('§2.3, §2.4: %s is 400 %s, in a language that is told, and ends nothing', async (_name, err, token) => {
    const tokens = await obtainTokens(door);
    const answer = await push(token());
    expect(answer.status).toBe(400);
    expect(answer.json).toEqual({ err, description: expect.any(String) });
    expect(answer.headers.get('content-language')).toBe('en');
    expect(await isAlive(tokens)).toBe(true);
    expect(door.eventsNamed('signalRefused')).toHaveLength(1);
  });

  test.each([
    ['none', ''],
    ['a wrong one', 'Bearer guessed'],
    ['the right one, cut', 'Bearer of-the-transmitte'],
  ])(
    '§2.4: with %s for an Authorization header it is authentication_failed, before any key is fetched',
    async (_name, authorization) => {
      const answer = await push(idp.event(claims(`${CAEP}session-revoked`, ALICE_SUBJECT)), {
        authorization,
      });
      expect(answer).toMatchObject({ status: 400, json: { err: 'authentication_failed' } });
      expect(network.asked).toEqual([]);
    },
  );

  test('§2: another content type is refused', async () => {
    const token = idp.event(claims(`${CAEP}session-revoked`, ALICE_SUBJECT));
    expect((await push(token, { 'content-type': 'application/json' })).status).toBe(415);
  });

  test('a replayed jti is acknowledged and not acted on again, also after a restart', async () => {
    await door.close();
    const kept = newKept();
    door = await openTestDoor(SETTINGS, { fetch: network.fetch, kept });
    const token = idp.event(
      claims(`${CAEP}session-revoked`, { format: 'email', email: 'alice@example.org' }),
    );
    await obtainTokens(door);
    expect((await push(token)).status).toBe(202);
    await door.close();
    door = await openTestDoor(SETTINGS, { fetch: network.fetch, kept });
    const tokens = await obtainTokens(door);
    expect((await push(token)).status).toBe(202);
    expect(await isAlive(tokens)).toBe(true);
    expect(outcomes()).toEqual(['repeated']);
  });

  test('while the keys cannot be had it is asked for again', async () => {
    network.isDown = true;
    const answer = await tell(`${CAEP}session-revoked`, ALICE_SUBJECT);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('30');
  });

  test('an event whose act failed is done when it is sent again', async () => {
    const tokens = await obtainTokens(door);
    const token = idp.event(claims(`${CAEP}session-revoked`, ALICE_SUBJECT));
    const { list } = door.artifacts;
    door.artifacts.list = async () => {
      throw new Error('store is down');
    };
    expect((await push(token)).status).toBe(503);
    expect(door.eventsNamed('fault')).toHaveLength(1);
    door.artifacts.list = list;
    expect((await push(token)).status).toBe(202);
    expect(outcomes()).toEqual(['ended']);
    expect(await isAlive(tokens)).toBe(false);
  });
});

describe('CAEP 1.0', () => {
  test('§3.1.2, first example: session-revoked of a session by its id', async () => {
    const tokens = await obtainTokens(door);
    await tell(
      `${CAEP}session-revoked`,
      { format: 'opaque', id: 'sid-of-alice' },
      { event_timestamp: 1615304991643 },
    );
    expect(await isAlive(tokens)).toBe(false);
    expect(door.eventsNamed('idpSessionEnded')).toMatchObject([
      { user: 'alice@example.org', cause: `session-revoked, signal from ${IDENTITY_PROVIDER}` },
    ]);
  });

  test('§3.1.2, second example: a complex subject with a session ends that one and no other', async () => {
    const tokens = await obtainTokens(door);
    door.identityProvider.person = { ...ALICE, sid: 'sid-of-the-laptop' };
    const laptop = await obtainTokens(door);
    await tell(
      `${CAEP}session-revoked`,
      {
        format: 'complex',
        session: { format: 'opaque', id: 'sid-of-alice' },
        user: ALICE_SUBJECT,
        tenant: { format: 'opaque', id: '123456789' },
      },
      { initiating_entity: 'policy', reason_admin: { en: 'Landspeed Policy Violation: C076E82F' } },
    );
    expect(await isAlive(tokens)).toBe(false);
    expect(await isAlive(laptop)).toBe(true);
  });

  test('§3.1.2, third example: user and device, without a session, ends all of the user', async () => {
    const tokens = await obtainTokens(door);
    const device = { format: 'iss_sub', iss: IDENTITY_PROVIDER, sub: 'e9297990-14d2-42ec-a4a9-4036db86509a' };
    await tell(`${CAEP}session-revoked`, { format: 'complex', user: ALICE_SUBJECT, device });
    expect(await isAlive(tokens)).toBe(false);
    expect(door.eventsNamed('personEnded')).toMatchObject([
      { user: 'alice@example.org', grants: 1, disabled: false },
    ]);
  });

  test.each<[name: string, type: string, payload: object, alive: boolean]>([
    ['§3.2 token-claims-change', 'token-claims-change', { claims: { role: 'ro-admin' } }, false],
    [
      '§3.3 credential-change, update',
      'credential-change',
      { credential_type: 'password', change_type: 'update' },
      false,
    ],
    [
      '§3.3 credential-change, revoke',
      'credential-change',
      { credential_type: 'x509', change_type: 'revoke' },
      false,
    ],
    [
      '§3.3.2, the example: credential-change, create',
      'credential-change',
      { credential_type: 'fido2-roaming', change_type: 'create', friendly_name: "Jane's USB authenticator" },
      true,
    ],
    [
      '§3.4 assurance-level-change, decrease',
      'assurance-level-change',
      { change_direction: 'decrease' },
      false,
    ],
    [
      '§3.4.2, the example: assurance-level-change, increase',
      'assurance-level-change',
      {
        namespace: 'NIST-AAL',
        current_level: 'nist-aal2',
        previous_level: 'nist-aal1',
        change_direction: 'increase',
      },
      true,
    ],
    [
      '§3.5 device-compliance-change',
      'device-compliance-change',
      { previous_status: 'compliant', current_status: 'not-compliant' },
      false,
    ],
    [
      '§3.5 device-compliance-change, the other way',
      'device-compliance-change',
      { previous_status: 'not-compliant', current_status: 'compliant' },
      true,
    ],
    ['session-established', 'session-established', { ips: ['192.168.1.12'] }, true],
    ['session-presented', 'session-presented', {}, true],
    ['a type nobody knows', 'something-new', {}, true],
    ['a type named like a part of every object', 'constructor', {}, true],
  ])('%s', async (_name, type, payload, alive) => {
    const tokens = await obtainTokens(door);
    expect((await tell(`${CAEP}${type}`, ALICE_SUBJECT, payload)).status).toBe(202);
    expect(await isAlive(tokens)).toBe(alive);
    expect(outcomes()).toEqual([alive ? 'noted' : 'ended']);
  });

  test('§3.5.2, the example: a device alone tells of nobody known here', async () => {
    const tokens = await obtainTokens(door);
    const device = { format: 'iss_sub', iss: IDENTITY_PROVIDER, sub: 'e9297990-14d2-42ec-a4a9-4036db86509a' };
    const subject = { format: 'complex', device, tenant: { format: 'opaque', id: '123456789' } };
    await tell(`${CAEP}device-compliance-change`, subject, { current_status: 'not-compliant' });
    expect(await isAlive(tokens)).toBe(true);
    expect(outcomes()).toEqual(['nobody']);
  });

  test('§3.2.2, the example: a token by its jti', async () => {
    const tokens = await obtainTokens(door);
    const { jti } = JSON.parse(Buffer.from(tokens.access_token.split('.')[1] ?? '', 'base64url').toString());
    await tell(`${CAEP}token-claims-change`, { format: 'jwt_id', iss: door.issuer, jti }, { claims: {} });
    expect(await isAlive(tokens)).toBe(false);
    expect(outcomes()).toEqual(['ended']);
  });

  test.each([
    ['email', { format: 'email', email: 'ALICE@Example.org' }],
    ['account', { format: 'account', uri: 'acct:alice@example.org' }],
    ['iss_sub', ALICE_SUBJECT],
    ['opaque', { format: 'opaque', id: 'alice-1' }],
    [
      'aliases',
      { format: 'aliases', identifiers: [{ format: 'phone_number', phone_number: '+1' }, ALICE_SUBJECT] },
    ],
  ])('a person may be named by %s; others are left alone', async (_name, subject) => {
    const alice = await obtainTokens(door);
    door.identityProvider.person = BOB;
    const bob = await obtainTokens(door);
    await tell(`${CAEP}session-revoked`, subject);
    expect(await isAlive(alice)).toBe(false);
    expect(await isAlive(bob)).toBe(true);
  });
});

describe('RISC 1.0', () => {
  const reach = (browser = door.newBrowser()) =>
    obtainTokens(door, browser).then(
      () => true,
      () => false,
    );

  test('account-disabled, as the example has it in the drafts’ spelling: ends all and keeps them out', async () => {
    const tokens = await obtainTokens(door);
    const subject = { subject_type: 'iss-sub', iss: IDENTITY_PROVIDER, sub: 'alice-1' };
    const type = `${RISC}account-disabled`;
    expect((await push(idp.event(claims(type, undefined, { subject, reason: 'hijacking' })))).status).toBe(
      202,
    );
    expect(await isAlive(tokens)).toBe(false);
    expect(door.accounts.all()).toMatchObject([{ disabled: true }]);
    expect(door.eventsNamed('personEnded')).toMatchObject([{ disabled: true, browserSessions: 1 }]);
    expect(await reach()).toBe(false);
  });

  test('account-enabled lets in whom the same transmitter disabled', async () => {
    await obtainTokens(door);
    await tell(`${RISC}account-purged`, ALICE_SUBJECT);
    await tell(`${RISC}account-enabled`, ALICE_SUBJECT);
    expect(door.accounts.all()).toMatchObject([{ disabled: false }]);
    expect(outcomes()).toEqual(['ended', 'enabled']);
  });

  test('account-enabled does not let in whom the operator disabled', async () => {
    await obtainTokens(door);
    const [account] = door.accounts.all();
    await tell(`${RISC}account-disabled`, ALICE_SUBJECT);
    await door.server.access.endPerson(
      { accountId: account?.id ?? '' },
      { cause: 'operator', disable: true },
    );
    await tell(`${RISC}account-enabled`, ALICE_SUBJECT);
    expect(door.accounts.all()).toMatchObject([{ disabled: true }]);
    expect(outcomes()).toEqual(['ended', 'noted']);
  });

  test.each([
    'sessions-revoked',
    'account-credential-change-required',
    'credential-compromise',
    'identifier-recycled',
  ])('%s ends the person, who may sign in again', async (type) => {
    const tokens = await obtainTokens(door);
    await tell(`${RISC}${type}`, ALICE_SUBJECT);
    expect(await isAlive(tokens)).toBe(false);
    expect(door.accounts.all()).toMatchObject([{ disabled: false }]);
  });
});

test('SSF 1.0 §8.1.4: the verification event and stream-updated are acknowledged', async () => {
  const stream = { format: 'opaque', id: 'stream-1' };
  expect((await tell(`${SSF}verification`, stream, { state: 'VGhpcyBpcyBh' })).status).toBe(202);
  expect((await tell(`${SSF}stream-updated`, stream, { status: 'paused' })).status).toBe(202);
  expect(door.eventsNamed('signalReceived')).toMatchObject([
    { signal: 'verification', outcome: 'noted' },
    { signal: 'stream-updated', outcome: 'noted' },
  ]);
});

test('tokens of the identity provider that are accepted directly end too, also of those who never signed in here', async () => {
  await door.close();
  const trusted = trustedIssuer(IDENTITY_PROVIDER, { allowInsecureHttp: false });
  door = await openTestDoor(SETTINGS, { fetch: network.fetch, trustedIssuers: [trusted] });
  const mint = (sub: string, iat: number) =>
    idp.event(
      {
        iss: IDENTITY_PROVIDER,
        sub,
        aud: 'https://mail.example.org',
        scope: 'smtp.submit',
        iat,
        exp: seconds() + 900,
        jti: `${sub}-${iat}`,
        email: `${sub}@example.org`,
        email_verified: true,
      },
      { typ: 'at+jwt' },
    );
  const carol = { access_token: mint('carol', seconds() - 5) };
  expect(await isAlive(carol)).toBe(true);
  await tell(`${CAEP}session-revoked`, { format: 'iss_sub', iss: IDENTITY_PROVIDER, sub: 'carol' });
  expect(await isAlive(carol)).toBe(false);
  expect(await isAlive({ access_token: mint('dave', seconds() - 5) })).toBe(true);
  expect(await isAlive({ access_token: mint('carol', seconds() + 5) })).toBe(true);
});

test('a flood of forged events is turned away before it is looked at, and a known sender still gets through', async () => {
  await tell(`${SSF}verification`, { format: 'opaque', id: 'stream-1' });
  const forged = stranger.event(
    claims(`${CAEP}session-revoked`, ALICE_SUBJECT, {}, { iss: stranger.issuer }),
  );
  const flood = Array.from({ length: 40 }, async (_, network) => {
    const statuses: number[] = [];
    for (let count = 0; count < 40; count += 1) {
      const answer = await door.server.app.inject({
        method: 'POST',
        url: '/signals/push',
        remoteAddress: `192.0.2.${network}`,
        headers: { 'content-type': 'application/secevent+jwt' },
        payload: forged,
      });
      statuses.push(answer.statusCode);
    }
    return statuses;
  });
  const statuses = (await Promise.all(flood)).flat();
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(100);
  const tokens = await obtainTokens(door);
  expect((await tell(`${CAEP}session-revoked`, ALICE_SUBJECT)).status).toBe(202);
  expect(await isAlive(tokens)).toBe(false);
});
