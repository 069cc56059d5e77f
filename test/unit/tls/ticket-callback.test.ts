// Node's undocumented ticket callback, as src/tls/ticket-keys.ts uses it: fails where an upgrade of Node moves it.

import { createSecureContext } from 'node:tls';
import { expect, it } from 'vitest';
import { openTicketKeys, type TicketKeys } from '../../../src/tls/ticket-keys.ts';
import { makeAuthority } from '../../support/certificate-maker.ts';
import { memoryTicketKeys } from './situation.ts';
import { serve, visit } from './wire.ts';

const VERSIONS = ['TLSv1.3', 'TLSv1.2'] as const;

async function makeServer(makeContext: TicketKeys['makeContext']) {
  const authority = await makeAuthority();
  const { certificate, key } = await authority.issue({ names: ['localhost'] });
  const context = makeContext({ cert: certificate, key, ca: [] });
  const other = await authority.issue({ names: ['other.example.org'] });
  const chosen = createSecureContext({ cert: other.certificate, key: other.key, ca: [] });
  return await serve({ current: () => context, forName: () => chosen });
}

it('is there, and its answers are understood', () => {
  const { context } = createSecureContext({ ca: [] });
  expect(context.enableTicketKeyCallback).toBeTypeOf('function');
});

it.each(VERSIONS)(
  'gives a fresh ticket on each resumed session, whatever SNI chose (%s)',
  async (version) => {
    const { makeContext } = await openTicketKeys({ store: memoryTicketKeys(), rotateEvery: 3_600_000 });
    const { port, failures } = await makeServer(makeContext);
    const options = { servername: 'other.example.org', maxVersion: version };
    const first = await visit(port, options);
    expect(first).toMatchObject({ said: 'full', certificate: 'other.example.org', protocol: version });
    let [ticket] = first.tickets;
    for (let time = 0; time < 10; time += 1) {
      const next = await visit(port, { ...options, session: ticket });
      expect(next).toMatchObject({ said: 'resumed', resumed: true });
      // Node's client tells of no new ticket in TLS 1.2, where one may be used again (RFC 5077).
      if (version === 'TLSv1.3') expect(next.tickets).toHaveLength(1);
      ticket = next.tickets[0] ?? ticket;
    }
    expect(failures).toEqual([]);
  },
);

it.each(VERSIONS)('makes no ticket where it is told that there is no key (%s)', async (version) => {
  let now = Date.now();
  const { makeContext } = await openTicketKeys({
    store: memoryTicketKeys(),
    rotateEvery: 1_000,
    now: () => now,
  });
  const { port, failures } = await makeServer(makeContext);
  now += 3_600_000;
  expect(await visit(port, { maxVersion: version })).toMatchObject({ said: 'full', tickets: [] });
  expect(failures).toEqual([]);
});

it.each(VERSIONS)('takes a ticket of a stranger, or a forged one, for none at all (%s)', async (version) => {
  const stores = [memoryTicketKeys(), memoryTicketKeys()] as const;
  const ports: number[] = [];
  for (const store of stores) {
    const { makeContext } = await openTicketKeys({ store, rotateEvery: 3_600_000 });
    ports.push((await makeServer(makeContext)).port);
  }
  const [own = 0, other = 0] = ports;
  const [ticket = Buffer.alloc(0)] = (await visit(own, { maxVersion: version })).tickets;
  // An answer that Node does not expect here would abort the process: a way to stop a server with one packet.
  expect(await visit(other, { session: ticket, maxVersion: version })).toMatchObject({ said: 'full' });

  const name = Buffer.from(stores[0].rows[0]?.key ?? '', 'base64').subarray(0, 16);
  const forged = Buffer.from(ticket);
  const at = forged.indexOf(name) + 40;
  forged[at] = (forged[at] ?? 0) ^ 1;
  expect(forged.indexOf(name)).toBeGreaterThan(0);
  expect(await visit(own, { session: forged, maxVersion: version })).toMatchObject({ said: 'full' });
  expect(await visit(own, { session: ticket, maxVersion: version })).toMatchObject({ said: 'resumed' });
});

it('is done without, by the documented key, on a Node that has lost it', async () => {
  const store = memoryTicketKeys();
  let now = Date.UTC(2026, 10, 1, 12);
  const open = () =>
    openTicketKeys({
      store,
      rotateEvery: 3_600_000,
      now: () => now,
      createContext: (options) => {
        const context = createSecureContext(options);
        Object.defineProperty(context.context, 'enableTicketKeyCallback', { value: undefined });
        return context;
      },
    });
  const [keys, other] = [await open(), await open()];
  const { tickets } = await visit((await makeServer(keys.makeContext)).port);
  expect(await visit((await makeServer(other.makeContext)).port, { session: tickets[0] })).toMatchObject({
    said: 'resumed',
  });

  // Contexts hold on to the key they were made with: they are to be made anew when the next one's time has come.
  let changes = 0;
  keys.onChange(() => {
    changes += 1;
    keys.makeContext({ ca: [] });
  });
  for (const minutes of [30, 29, 1, 1, 1]) {
    now += minutes * 60_000;
    await keys.tick();
  }
  expect(changes).toBe(1);
});

it('needs no new contexts when the key changes', async () => {
  let now = Date.UTC(2026, 10, 1, 12);
  const keys = await openTicketKeys({ store: memoryTicketKeys(), rotateEvery: 3_600_000, now: () => now });
  keys.makeContext({ ca: [] });
  keys.onChange(() => expect.fail('no change is needed'));
  now += 3_600_000;
  await keys.tick();
});
