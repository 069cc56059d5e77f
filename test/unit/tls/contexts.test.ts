// Contexts are made anew when what they are made of changes, and not after they are closed.

import { createSecureContext } from 'node:tls';
import { expect, it } from 'vitest';
import { openCertificates } from '../../../src/tls/certificates.ts';
import { createTlsContexts } from '../../../src/tls/contexts.ts';
import type { TicketKeys } from '../../../src/tls/ticket-keys.ts';
import { makeAuthority } from '../../support/certificate-maker.ts';
import { listen, makeFolder, writePair } from './situation.ts';

it('are made anew for certificates and ticket keys alike, until they are closed', async () => {
  const authority = await makeAuthority();
  const folder = makeFolder();
  const issue = async () =>
    writePair(folder, 'server', await authority.issue({ names: ['mail.example.org'] }));
  const certificates = await openCertificates({ settings: await issue(), path: 'tls', news: listen() });
  const listeners = new Set<() => void>();
  const ticketKeys: TicketKeys = {
    makeContext: createSecureContext,
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tick: async () => undefined,
    close: () => undefined,
  };
  const contexts = createTlsContexts({ settings: {}, certificates, ticketKeys });
  expect(contexts.forName('mail.example.org')).toBe(contexts.current());
  expect(contexts.forName('other.example.org')).toBeUndefined();

  const seen = [contexts.current()];
  for (const listener of listeners) listener();
  seen.push(contexts.current());
  await issue();
  await certificates.reload();
  seen.push(contexts.current());
  expect(new Set(seen).size).toBe(3);
  expect(contexts.forName('mail.example.org')).toBe(seen[2]);

  contexts.close();
  expect(listeners.size).toBe(0);
  await issue();
  await certificates.reload();
  expect(contexts.current()).toBe(seen[2]);
  certificates.close();
});
