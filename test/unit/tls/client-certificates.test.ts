// Client certificates: believed from the authorities named and nobody else, and never on the word of an earlier session.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSecureContext, getCACertificates, setDefaultCACertificates } from 'node:tls';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { ServerContexts } from '../../../src/tls/contexts.ts';
import { openTls } from '../../../src/tls/open.ts';
import { type Authority, type Issued, makeAuthority } from '../../support/certificate-maker.ts';
import { listen, makeFolder, memoryTicketKeys, writePair } from './situation.ts';
import { serve, visit } from './wire.ts';

const VERSIONS = ['TLSv1.3', 'TLSv1.2'] as const;

let clients: Authority;
let server: Issued;
let known: { cert: string; key: string };
let foreign: { cert: string; key: string };

beforeAll(async () => {
  clients = await makeAuthority('Clients');
  const servers = await makeAuthority('Servers');
  server = await servers.issue({ names: ['mail.example.org'] });
  known = asClient(await clients.issue({ names: [], commonName: 'known', usage: 'client' }));
  foreign = asClient(await servers.issue({ names: [], commonName: 'foreign', usage: 'client' }));
});

const asClient = ({ certificate, key }: Issued) => ({ cert: certificate, key });

async function open() {
  const folder = makeFolder();
  const clientAuthorities = join(folder, 'clients.pem');
  writeFileSync(clientAuthorities, clients.certificate);
  const further = writePair(folder, 'further', await clients.issue({ names: ['post.example.net'] }));
  const tls = await openTls({
    settings: { ...writePair(folder, 'first', server), certificates: [further], clientAuthorities },
    path: 'submission.tls',
    ticketKeyStore: memoryTicketKeys(),
    news: listen(),
  });
  onTestFinished(() => tls.close());
  const { contexts } = tls;
  if (!contexts.askingClients) throw new Error('no contexts that ask');
  const asking: ServerContexts = contexts.askingClients;
  return { plain: contexts, asking, clientAuthorities, reload: tls.reload };
}

describe.each(VERSIONS)('a listener that asks (%s)', (maxVersion) => {
  it.each([
    ['mail.example.org', 'mail.example.org'],
    ['post.example.net', 'post.example.net'],
  ])('believes its authorities alone, whatever name is asked for (%s)', async (servername, shown) => {
    const { port } = await serve((await open()).asking, { requestCert: true });
    const come = (as: object) => visit(port, { servername, maxVersion, ...as });
    expect(await come(known)).toMatchObject({ said: 'full authorized known', certificate: shown });
    expect(await come(foreign)).toMatchObject({ said: 'full not foreign', certificate: shown });
    expect(await come({})).toMatchObject({ said: 'full not nobody', certificate: shown });
  });

  it('resumes nothing, so nobody is taken for who came before', async () => {
    const { asking, plain } = await open();
    const { port } = await serve(asking, { requestCert: true });
    const elsewhere = await serve(plain);
    const come = (options: object) => visit(port, { maxVersion, ...options });
    const tickets = [
      ...(await come(known)).tickets,
      ...(await come({})).tickets,
      ...(await visit(elsewhere.port, { maxVersion, ...known })).tickets,
    ];
    expect(tickets.length).toBeGreaterThan(0);
    for (const session of tickets) {
      expect((await come({ session })).said).toBe('full not nobody');
      expect((await come({ session, ...foreign })).said).toBe('full not foreign');
      expect((await come({ session, ...known })).said).toBe('full authorized known');
    }
  });
});

it('is believed by new authorities as soon as their file has changed', async () => {
  const { asking, clientAuthorities, reload } = await open();
  const { port } = await serve(asking, { requestCert: true });
  const others = await makeAuthority('Others');
  const other = asClient(await others.issue({ names: [], commonName: 'other', usage: 'client' }));
  expect((await visit(port, other)).said).toBe('full not other');
  writeFileSync(clientAuthorities, others.certificate);
  await reload();
  expect((await visit(port, other)).said).toBe('full authorized other');
  expect((await visit(port, known)).said).toBe('full not known');
});

it('is believed by no listener where no authorities are named, public ones neither', async () => {
  const publicOnes = getCACertificates('default');
  onTestFinished(() => setDefaultCACertificates(publicOnes));
  setDefaultCACertificates([...publicOnes, clients.certificate]);
  const { plain } = await open();
  const { port } = await serve(plain, { requestCert: true });
  const { said, tickets } = await visit(port, known);
  expect(said).toBe('full not known');
  // Nor is a session resumed that began there: see the last test.
  await expect(visit(port, { session: tickets[0] })).rejects.toThrow();
});

it('would be believed of anybody on a resumed session of TLS 1.3: why nothing is resumed', async () => {
  // When this fails Node has learnt better, and listeners that ask could resume.
  const context = createSecureContext({
    cert: server.certificate,
    key: server.key,
    ca: clients.certificate,
    sessionIdContext: 'x',
  });
  const { port } = await serve({ current: () => context, forName: () => undefined }, { requestCert: true });
  const { said, tickets } = await visit(port);
  expect(said).toBe('full not nobody');
  expect((await visit(port, { session: tickets[0] })).said).toBe('resumed authorized nobody');
});
