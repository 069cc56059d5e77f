// Session ticket keys over the hours: made once for all processes, relieved in time, kept while their tickets are of use, gone.

import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { openTicketKeys, type TicketKeys } from '../../../src/tls/ticket-keys.ts';
import { type Issued, makeAuthority } from '../../support/certificate-maker.ts';
import { memoryTicketKeys } from './situation.ts';
import { serve, visit } from './wire.ts';

const HOUR = 3_600_000;
/** Where a period of twelve hours begins. */
const NOON = Date.UTC(2026, 10, 1, 12);
const VERSIONS = ['TLSv1.3', 'TLSv1.2'] as const;

let issued: Issued;
beforeAll(async () => {
  issued = await (await makeAuthority()).issue({ names: ['mail.example.org'] });
});

async function listen(ticketKeys: TicketKeys): Promise<number> {
  const context = ticketKeys.makeContext({ cert: issued.certificate, key: issued.key, ca: [] });
  return (await serve({ current: () => context, forName: () => undefined })).port;
}

/** A process that shares the store and the clock with others. */
function company(start = NOON, rotateEvery = 12 * HOUR) {
  const store = memoryTicketKeys();
  let now = start;
  const open = () => openTicketKeys({ store, rotateEvery, now: () => now });
  const hours = () => store.rows.map(({ startsAt }) => (startsAt * 1000 - NOON) / HOUR).sort((a, b) => a - b);
  return {
    store,
    hours,
    open,
    later(time: number) {
      now += time;
    },
    async process() {
      const ticketKeys = await open();
      return { ticketKeys, port: await listen(ticketKeys) };
    },
  };
}

describe('the keys', () => {
  it('are made for this period and the next, whenever a process comes', async () => {
    const { open, hours, later } = company(NOON + 5 * HOUR);
    await open();
    expect(hours()).toEqual([0, 12]);
    later(6 * HOUR);
    await open();
    expect(hours()).toEqual([0, 12]);
  });

  it('are one set, however many processes come in the same moment', async () => {
    const { open, store } = company();
    await Promise.all(Array.from({ length: 10 }, open));
    expect(store.rows).toHaveLength(2);
  });

  it('go when the last ticket made under them is over', async () => {
    const { open, hours, later } = company();
    const ticketKeys = await open();
    const seen = [];
    for (let hour = 0; hour < 48; hour += 6) {
      await ticketKeys.tick();
      seen.push(hours());
      later(6 * HOUR);
    }
    expect(seen).toEqual([
      [0, 12],
      [0, 12],
      [0, 12, 24],
      [0, 12, 24],
      [12, 24, 36],
      [12, 24, 36],
      [24, 36, 48],
      [24, 36, 48],
    ]);
  });

  it('differ from each other in every part', async () => {
    const { open, store } = company();
    await open();
    const parts = store.rows.flatMap(({ key }) => {
      const bytes = Buffer.from(key, 'base64');
      expect(bytes).toHaveLength(48);
      return [0, 16, 32].map((at) => bytes.subarray(at, at + 16).toString('hex'));
    });
    expect(new Set(parts).size).toBe(6);
  });

  it('are made anew by a process that changes them more often; the others go on', async () => {
    const { store, hours, process } = company(NOON + HOUR);
    const { port } = await process();
    const { tickets } = await visit(port);
    const often = await openTicketKeys({ store, rotateEvery: HOUR, now: () => NOON + HOUR });
    expect(hours()).toEqual([0, 1, 2, 12]);
    expect((await visit(await listen(often), { session: tickets[0] })).said).toBe('resumed');
  });

  it('show themselves nowhere', async () => {
    const { process, store } = company();
    const { ticketKeys } = await process();
    const shown = inspect(ticketKeys, { depth: 9, showHidden: true }) + JSON.stringify(ticketKeys);
    for (const { key } of store.rows) {
      const bytes = Buffer.from(key, 'base64');
      for (const form of [key, bytes.toString('hex'), inspect(bytes.subarray(16, 32)).slice(8, 40)]) {
        expect(shown).not.toContain(form);
      }
    }
  });

  it('that cannot be read keep a process from starting, later they are read again', async () => {
    const store = memoryTicketKeys();
    const { listLive } = store;
    store.listLive = () => Promise.reject(new Error('disk gone'));
    await expect(openTicketKeys({ store, rotateEvery: HOUR })).rejects.toThrow('disk gone');
    store.listLive = listLive;
    const ticketKeys = await openTicketKeys({ store, rotateEvery: HOUR });
    const port = await listen(ticketKeys);
    store.listLive = () => Promise.reject(new Error('disk gone'));
    await expect(ticketKeys.tick()).rejects.toThrow('disk gone');
    const { tickets } = await visit(port);
    expect((await visit(port, { session: tickets[0] })).said).toBe('resumed');
  });

  it('that somebody has damaged are left out', async () => {
    const { open, store } = company();
    await open();
    store.rows.splice(0, 2, ...store.rows.map((row) => ({ ...row, key: 'AAAA' })));
    const port = await listen(await open());
    expect(await visit(port)).toMatchObject({ said: 'full', tickets: [] });
  });
});

describe.each(VERSIONS)('a session (%s)', (maxVersion) => {
  const come = (port: number, session?: Buffer) => visit(port, { maxVersion, ...(session && { session }) });

  it('is resumed by another process, and by one that came later', async () => {
    const { process, later } = company();
    const [one, other] = [await process(), await process()];
    const { tickets } = await come(one.port);
    expect((await come(other.port, tickets[0])).said).toBe('resumed');
    later(11 * HOUR);
    expect((await come((await process()).port, tickets[0])).said).toBe('resumed');
  });

  it('is resumed by a process that has not looked at the store since the key was changed', async () => {
    const { process, later } = company();
    const [one, other] = [await process(), await process()];
    later(12 * HOUR);
    await one.ticketKeys.tick();
    const { tickets } = await come(one.port);
    expect((await come(other.port, tickets[0])).said).toBe('resumed');
    // And the other way round: it has known the key of this period since the one before.
    const others = await come(other.port);
    expect((await come(one.port, others.tickets[0])).said).toBe('resumed');
  });

  it('is begun anew, not refused, when its key is gone', async () => {
    const { process, later } = company();
    const { ticketKeys, port } = await process();
    const { tickets } = await come(port);
    later(23 * HOUR);
    await ticketKeys.tick();
    expect((await come(port, tickets[0])).said).toBe('resumed');
    later(HOUR);
    expect(await come(port, tickets[0])).toMatchObject({ said: 'full', resumed: false });
    await ticketKeys.tick();
    expect(await come(port, tickets[0])).toMatchObject({ said: 'full', resumed: false });
  });
});

it('a session is resumed for one period and no longer', async () => {
  const ticketKeys = await company(NOON, 6_000).open();
  const port = await listen(ticketKeys);
  const tickets = await Promise.all(
    VERSIONS.map(async (maxVersion) => {
      const [session] = (await visit(port, { maxVersion })).tickets;
      expect((await visit(port, { maxVersion, session })).said).toBe('resumed');
      return { maxVersion, session };
    }),
  );
  // By OpenSSL's own clock, in whole seconds; the one of the keys stands still.
  await delay(7_100);
  for (const options of tickets) expect((await visit(port, options)).said).toBe('full');
});
