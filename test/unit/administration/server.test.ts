// The administration door: who is listed, what each act ends and in which order, what is journalled, what is refused.

import { describe, expect, it } from 'vitest';
import type { ActResult } from '../../../src/administration/messages.ts';
import { createAdministrationApp } from '../../../src/administration/server.ts';
import { ALICE, ALICE_PHONE, BOB, type Situation, situation } from './situation.ts';

const everybody = () => situation(ALICE, ALICE_PHONE, BOB);

async function post(door: Situation, url: string, payload: object | string, type = 'application/json') {
  const app = createAdministrationApp(door);
  const response = await app.inject({ method: 'POST', url, payload, headers: { 'content-type': type } });
  return { status: response.statusCode, body: response.json() as ActResult & { error?: string } };
}

async function get(door: Situation, url: string) {
  const response = await createAdministrationApp(door).inject({ method: 'GET', url });
  return { status: response.statusCode, body: response.json() };
}

const idsOf = (sessions: readonly { id: string }[]) => sessions.map(({ id }) => id).sort();

describe('GET /sessions', () => {
  it('lists everybody with everything but the token', async () => {
    const { status, body } = await get(everybody(), '/sessions');
    expect(status).toBe(200);
    expect(body.sessions).toEqual(JSON.parse(JSON.stringify([ALICE, ALICE_PHONE, BOB])));
  });

  it.each([
    ['person=alice@example.org', [ALICE.id, ALICE_PHONE.id]],
    ['person=INFO@Example.ORG', [ALICE.id, ALICE_PHONE.id]],
    ['client=phone', [ALICE_PHONE.id]],
    ['client=phone&person=bob@example.org', []],
    ['client=phon', []],
  ])('with ?%s only those', async (query, ids) => {
    const { body } = await get(everybody(), `/sessions?${query}`);
    expect(idsOf(body.sessions)).toEqual(ids);
  });

  it.each(['person=nobody', 'person=', 'colour=blue', 'client=a&client=b', 'client=a%0Ab'])(
    'refuses ?%s',
    async (query) => {
      const { status, body } = await get(everybody(), `/sessions?${query}`);
      expect(status).toBe(400);
      expect(body.error).not.toBe('');
    },
  );
});

describe('POST /revoke', () => {
  it('ends one session and no access', async () => {
    const door = everybody();
    const { body } = await post(door, '/revoke', { session: ALICE.id, cause: 'test' });
    expect(door.calls).toEqual([`end ${ALICE.id} test`]);
    expect(body).toMatchObject({
      action: 'end-session',
      target: ALICE.id,
      found: true,
      isKnown: true,
      grants: 0,
    });
    expect(idsOf(body.sessions)).toEqual([ALICE.id]);
  });

  it.each([
    [
      { grant: 'grantOfPhone0000' },
      'end-grant',
      1,
      [ALICE_PHONE.id],
      'endGrant grantOfPhone0000 {"cause":"test"}',
    ],
    [{ client: 'desktop-mail' }, 'end-client', 1, [ALICE.id], 'endClient desktop-mail {"cause":"test"}'],
    [
      { person: 'alice@example.org' },
      'end-person',
      2,
      [ALICE.id, ALICE_PHONE.id],
      'endPerson alice@example.org {"cause":"test"}',
    ],
    [
      { person: 'alice@example.org', disable: true },
      'disable-person',
      2,
      [ALICE.id, ALICE_PHONE.id],
      'endPerson alice@example.org {"cause":"test","disable":true}',
    ],
  ] as const)(
    'ends access by %j and tells which sessions went with it',
    async (named, action, grants, ids, call) => {
      const door = everybody();
      const { status, body } = await post(door, '/revoke', { ...named, cause: 'test' });
      expect(status).toBe(200);
      expect(door.calls).toEqual([call]);
      expect(body).toMatchObject({ action, found: true, isKnown: true, grants });
      expect(idsOf(body.sessions)).toEqual(ids);
      expect(door.journal).toEqual([
        { action, target: Object.values(named)[0], cause: 'test', found: true, grants, sessions: ids.length },
      ]);
    },
  );

  it('ends the sessions of another issuer’s tokens too, after access, and says that it knows no grant', async () => {
    const door = everybody();
    const { body } = await post(door, '/revoke', { person: 'bob@example.org', cause: 'test' });
    expect(door.calls).toEqual([
      'endPerson bob@example.org {"cause":"test"}',
      'endToken https://id.example.org token-of-bob {"cause":"test"}',
      `end ${BOB.id} test`,
    ]);
    expect(body).toMatchObject({ found: true, isKnown: false, grants: 0 });
    expect([...door.live.keys()]).toEqual([ALICE.id, ALICE_PHONE.id]);
  });

  it('ends a session of a grant that lingers in its transaction, without revoking its token twice', async () => {
    const door = everybody();
    door.access.endGrant = async () => ({ known: true, grants: 1 });
    const { body } = await post(door, '/revoke', { grant: 'grantOfPhone0000', cause: 'test' });
    expect(door.calls).toEqual([`end ${ALICE_PHONE.id} test`]);
    expect(body).toMatchObject({ grants: 1, sessions: [{ id: ALICE_PHONE.id, state: 'in-message' }] });
  });

  it('leaves the token of a session that is ended alone', async () => {
    const door = everybody();
    await post(door, '/revoke', { session: BOB.id, cause: 'test' });
    expect(door.calls).toEqual([`end ${BOB.id} test`]);
  });

  it('ends a session that began while access was being ended', async () => {
    const door = situation();
    const late = { ...BOB, id: 'late' };
    door.access.endPerson = async () => {
      door.live.set(late.id, late);
      return { known: false, grants: 0 };
    };
    const { body } = await post(door, '/revoke', { person: 'bob@example.org', cause: 'test' });
    expect(idsOf(body.sessions)).toEqual(['late']);
    expect(door.live.size).toBe(0);
  });

  it.each([{ session: 'x' }, { grant: 'x' }, { client: 'x' }, { person: 'x@example.org' }])(
    'says and journals that nothing is known by %j',
    async (named) => {
      const door = everybody();
      const { status, body } = await post(door, '/revoke', { ...named, cause: 'test' });
      expect(status).toBe(200);
      expect(body).toMatchObject({ found: false, isKnown: false, grants: 0, sessions: [] });
      expect(door.live.size).toBe(3);
      expect(door.journal).toMatchObject([{ found: false, sessions: 0 }]);
    },
  );

  it.each([
    ['no target', { cause: 'test' }],
    ['two targets', { session: 'a', client: 'b', cause: 'test' }],
    ['no cause', { session: 'a' }],
    ['a cause of two lines', { session: 'a', cause: 'one\ntwo' }],
    ['a cause without end', { session: 'a', cause: 'x'.repeat(201) }],
    ['an empty target', { session: '', cause: 'test' }],
    ['a target that is no text', { session: 7, cause: 'test' }],
    ['a person without an address', { person: 'alice', cause: 'test' }],
    ['disable for a client', { client: 'phone', disable: true, cause: 'test' }],
    ['disable as a text', { person: 'alice@example.org', disable: 'true', cause: 'test' }],
    ['an unknown word', { session: 'a', cause: 'test', force: true }],
  ])('refuses %s and does nothing', async (_what, payload) => {
    const door = everybody();
    const { status, body } = await post(door, '/revoke', payload);
    expect(status).toBe(400);
    expect(body.error).toEqual(expect.any(String));
    expect(door.calls).toEqual([]);
    expect(door.journal).toEqual([]);
  });

  it.each([
    ['broken JSON', '{"session":', 'application/json', 400],
    ['a form', 'session=a&cause=b', 'application/x-www-form-urlencoded', 415],
    [
      'more than any request needs',
      JSON.stringify({ session: 'x'.repeat(9_000), cause: 'c' }),
      'application/json',
      413,
    ],
  ])('refuses %s', async (_what, payload, type, expected) => {
    const { status, body } = await post(everybody(), '/revoke', payload, type);
    expect(status).toBe(expected);
    expect(body.error).toEqual(expect.any(String));
  });

  it('tells a fault to the journal, not to the caller', async () => {
    const door = everybody();
    door.access.endClient = async () => {
      throw new Error('disk full at sector 7');
    };
    const { status, body } = await post(door, '/revoke', { client: 'phone', cause: 'test' });
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain('sector');
    expect(door.faults).toMatchObject([
      { where: 'administration', error: { message: 'disk full at sector 7' } },
    ]);
  });
});

describe('POST /enable', () => {
  it('gives a person back the right to sign in', async () => {
    const door = everybody();
    const { body } = await post(door, '/enable', { person: 'alice@example.org', cause: 'back' });
    expect(door.calls).toEqual(['enablePerson alice@example.org {"cause":"back"}']);
    expect(body).toMatchObject({ action: 'enable-person', found: true });
    expect(door.journal).toMatchObject([{ action: 'enable-person', cause: 'back', found: true }]);
  });

  it('says when nobody is known by the address', async () => {
    const { body } = await post(everybody(), '/enable', { person: 'x@example.org', cause: 'back' });
    expect(body).toMatchObject({ found: false });
  });

  it.each([{ person: 'alice', cause: 'x' }, { person: 'alice@example.org' }, { cause: 'x' }])(
    'refuses %j',
    async (payload) => {
      const door = everybody();
      expect((await post(door, '/enable', payload)).status).toBe(400);
      expect(door.calls).toEqual([]);
    },
  );
});

it('names what there is where something else is asked', async () => {
  const { status, body } = await get(everybody(), '/grants');
  expect(status).toBe(404);
  expect(body.error).toContain('/sessions');
});
