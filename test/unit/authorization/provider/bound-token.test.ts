// A token from the OAuth server, bound to the certificate it was asked for with, at the mail client's door: end to end.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
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
let token: string;

beforeAll(async () => {
  const authority = await makeAuthority('Apps');
  app = await authority.issue({ names: [], commonName: 'app', usage: 'client' });
  other = await authority.issue({ names: [], commonName: 'app', usage: 'client' });
  folder = await mkdtemp(join(tmpdir(), 'postern-bound-'));
  const file = join(folder, 'app.pem');
  await writeFile(file, app.certificate);
  const client = {
    clientId: 'cert-app',
    certificates: [file],
    certificateBoundTokens: true,
    redirectUris: [],
    sendAs: ['cert@example.org'],
  };
  door = await openTestDoor(behindProxy({ clients: [client] }));
  gateway = await startTestGateway({
    verifier: door.verifier,
    clientAuthorities: authority.certificate,
    submission: {
      listeners: [{ listen: { host: '127.0.0.1', port: 0 }, tls: 'implicit', clientCertificate: 'optional' }],
    },
  });
  const answer = await door.transport({
    method: 'POST',
    url: new URL('/token', door.issuer),
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      [HEADER]: asEscapedPem(app.certificate),
    },
    body: 'grant_type=client_credentials&client_id=cert-app',
  });
  token = JSON.parse(answer.text)['access_token'];
});
afterAll(async () => {
  await gateway.close();
  await door.close();
  await rm(folder, { recursive: true });
});

async function signIn(shown: Issued | undefined): Promise<string> {
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
    const response = Buffer.from(`n,,\x01auth=Bearer ${token}\x01\x01`).toString('base64');
    const [first = ''] = await client.command(`AUTH OAUTHBEARER ${response}`);
    const [last = ''] = first.startsWith('334') ? await client.command('AQ==') : [first];
    return last.slice(0, 3);
  } finally {
    client.destroy();
  }
}

it('is good with its certificate', async () => {
  expect(await signIn(app)).toBe('235');
});

it('is refused with another, and with none, also right after it was good', async () => {
  expect(await signIn(other)).toBe('535');
  expect(await signIn(undefined)).toBe('535');
  expect(await signIn(app)).toBe('235');
});
