// Owns a gate in front of one mail server that it knows several times over; by whose token it is, mail goes one way or another.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fetchAppToken, type Gate, SENDER, startGate } from './gate.ts';

export interface RoutedGate {
  readonly gate: Gate;
  /** An access token of the client of this name, which may send as {@link SENDER}. */
  tokenOf(client: string): Promise<string>;
}

/** Mail of whom goes where no route leads: over a connection that nobody has signed in on. */
export const NOBODY = 'nobody';

export async function startRoutedGate(given: {
  /** Of the mail server, on 127.0.0.1; a way may have another one. */
  port: number;
  /** For the file of the clients' secret. */
  folder: string;
  /** By client: what the upstream's section says besides the place. */
  ways: Readonly<Record<string, object>>;
}): Promise<RoutedGate> {
  const { port, folder, ways } = given;
  const place = { host: 'localhost', port, tls: 'starttls', ca: 'ca.pem' };
  const named = Object.entries(ways).map(([client, way], at) => ({ client, way, id: `way-${at}` }));
  const secret = 'a secret of a client';
  const file = join(folder, 'client-secret');
  writeFileSync(file, secret, { mode: 0o600 });
  const gate = await startGate({
    upstream: { port, tls: 'starttls' },
    sections: {
      upstreams: named.map(({ id, way }) => ({ id, ...place, ...way })),
      routes: named.map(({ id, client }) => ({ clients: [client], upstreams: [id] })),
    },
    authorization: {
      clients: [...Object.keys(ways), NOBODY].map((clientId) => ({
        clientId,
        clientSecret: { file },
        sendAs: [SENDER],
      })),
    },
  });
  return { gate, tokenOf: (id) => fetchAppToken({ issuer: gate.issuer, client: { id, secret } }) };
}
