// A token from the OAuth server, bound to the certificate it was asked for with, at the mail client's door: end to end.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestDoor, type TestDoor } from '../../../support/authorization-server.ts';
import { type Issued, makeAuthority } from '../../../support/certificate-maker.ts';
import { asEscapedPem, behindProxy, HEADER } from '../../../support/client-certificates.ts';
import { connectSmtp } from '../../../support/smtp-client.ts';
import { startTestGateway, type TestGateway } from '../../../support/test-gateway.ts';

let folder: string;
let door: TestDoor;
let gateway: TestGateway;
let app: Issued;
let other: Issued;
const tokens = new Map<string, string>();

beforeAll(async () => {
  const authority = await makeAuthority('Apps');
  app = await authority.issue({ names: [], commonName: 'app', usage: 'client' });
  other = await authority.issue({ names: [], commonName: 'app', usage: 'client' });
  folder = await mkdtemp(join(tmpdir(), 'postern-bound-'));
  const file = join(folder, 'app.pem');
  const clientAuthorities = join(folder, 'ca.pem');
  await writeFile(file, app.certificate);
  await writeFile(clientAuthorities, authority.certificate);
  const client = { certificateBoundTokens: true, redirectUris: [], sendAs: ['cert@example.org'] };
  const clients = [
    { ...client, clientId: 'registered', certificates: [file] },
    { ...client, clientId: 'vouched', certificateSubject: { dn: 'CN=app' } },
  ];
  door = await openTestDoor(behindProxy({ clients, clientAuthorities }));
  gateway = await startTestGateway({
    verifier: door.verifier,
    clientAuthorities: authority.certificate,
    submission: {
      listeners: [{ listen: { host: '127.0.0.1', port: 0 }, tls: 'implicit', clientCertificate: 'optional' }],
    },
  });
  for (const { clientId } of clients) {
    const answer = await door.transport({
      method: 'POST',
      url: new URL('/token', door.issuer),
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        [HEADER]: asEscapedPem(app.certificate),
      },
      body: `grant_type=client_credentials&client_id=${clientId}`,
    });
    tokens.set(clientId, JSON.parse(answer.text)['access_token']);
  }
});
afterAll(async () => {
  await gateway.close();
  await door.close();
  await rm(folder, { recursive: true });
});

async function signIn(clientId: string, shown: Issued | undefined): Promise<string> {
  const client = await connectSmtp({
    host: gateway.host,
    port: gateway.ports.implicit,
    implicitTls: true,
    ca: gateway.ca,
    ...(shown && { clientCertificate: shown }),
  });
  try {
    await client.readReply();
    await client.command('EHLO app.example.org');
    const response = Buffer.from(`n,,\x01auth=Bearer ${tokens.get(clientId)}\x01\x01`).toString('base64');
    const [first = ''] = await client.command(`AUTH OAUTHBEARER ${response}`);
    const [last = ''] = first.startsWith('334') ? await client.command('AQ==') : [first];
    return last.slice(0, 3);
  } finally {
    client.destroy();
  }
}

describe.each(['registered', 'vouched'])('the token of an app that is %s', (clientId) => {
  it('is good with its certificate', async () => {
    expect(await signIn(clientId, app)).toBe('235');
  });

  it('is refused with another of the same name, and with none, also right after it was good', async () => {
    expect(await signIn(clientId, other)).toBe('535');
    expect(await signIn(clientId, undefined)).toBe('535');
    expect(await signIn(clientId, app)).toBe('235');
  });
});
