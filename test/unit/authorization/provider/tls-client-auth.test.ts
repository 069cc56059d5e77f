// Clients that an authority vouches for (`tls_client_auth`, RFC 8705 §2.1): who gets a token, and every way in which somebody else tries.

import 'reflect-metadata';
import { mkdtemp, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExtendedKeyUsage, Extension, KeyUsageFlags } from '@peculiar/x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type AppCertificate,
  type AppCertificateWanted,
  alternative,
  makeAppAuthority,
  TEXT,
  testName,
} from '../../../support/app-certificates.ts';
import { claimsOf, openTestDoor, type TestDoor } from '../../../support/authorization-server.ts';
import {
  asBytes,
  asEscapedPem,
  behindProxy,
  type Sent,
  sendForm,
  thumbprint,
} from '../../../support/client-certificates.ts';

const SUBJECT = testName([['C', 'SE', TEXT.printable]], [['O', 'Example']], [['CN', 'reports']]);
const NAMES = {
  dns: alternative.dns('Reports.example.org'),
  uri: alternative.uri('spiffe://example.org/reports'),
  ip: alternative.ip(10, 1, 2, 3),
  ip6: alternative.ip(0x20, 1, 0x0d, 0xb8, ...new Array(11).fill(0), 1),
  email: alternative.email('Reports@Example.org'),
};
const REGISTERED = {
  dn: { dn: 'CN=reports,O=Example,C=SE' },
  dns: { dns: 'reports.example.org' },
  uri: { uri: 'spiffe://example.org/reports' },
  ip: { ip: '10.1.2.3' },
  ip6: { ip: '2001:DB8:0::1' },
  email: { email: 'Reports@example.org' },
};
type Registered = keyof typeof REGISTERED;

let folder: string;
let file: string;
let door: TestDoor;
let apps: AppCertificate;
let rsa: AppCertificate;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'postern-authorities-'));
  file = join(folder, 'apps-ca.pem');
  apps = await makeAppAuthority();
  rsa = await makeAppAuthority({ name: 'RSA apps', algorithm: 'rsa' });
  await writeFile(file, apps.certificate + rsa.certificate);
  const clients = Object.entries(REGISTERED).map(([clientId, certificateSubject]) => ({
    clientId,
    certificateSubject,
    redirectUris: [],
    sendAs: [`${clientId}@example.org`],
    certificateBoundTokens: clientId === 'dn',
  }));
  door = await openTestDoor(behindProxy({ clients, clientAuthorities: file }));
  await door.server.listen();
});
afterAll(async () => {
  await door.close();
  await rm(folder, { recursive: true });
});

const NO = {
  status: 401,
  json: { error: 'invalid_client', error_description: 'client authentication failed' },
};
const send = (sent: Sent) => sendForm(door, sent);
const lastReason = () => String(door.eventsNamed('clientRefused').at(-1)?.['reason']);
const issued = async (wanted: AppCertificateWanted = {}, by = apps): Promise<string> =>
  (await by.issue({ subject: SUBJECT, ...wanted })).certificate;

async function expectRefused(header: string | string[], reason: RegExp, client: Registered = 'dn') {
  expect(await send({ client, header })).toEqual(NO);
  expect(lastReason()).toMatch(reason);
}

describe('an app gets a token', () => {
  it.each(Object.keys(REGISTERED) as Registered[])('with a certificate for its name: %s', async (client) => {
    const certificate = await issued({ names: Object.values(NAMES) });
    for (const form of [asBytes, asEscapedPem]) {
      const { status, json } = await send({ client, header: form(certificate) });
      expect(status, lastReason()).toBe(200);
      const claims = claimsOf(String(json['access_token']));
      expect(claims).toMatchObject({ sub: client, client_id: client });
      expect(claims['cnf']).toEqual(client === 'dn' ? { 'x5t#S256': thumbprint(certificate) } : undefined);
    }
  });

  it.each<[string, AppCertificateWanted]>([
    ['that says nothing of its use', { purposes: 'none', usages: 'none' }],
    ['for servers and clients', { purposes: [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth] }],
    ['of RSA', { algorithm: 'rsa' }],
    ['of Ed25519', { algorithm: 'ed25519' }],
    [
      'with a critical extension that asks nothing',
      { more: [new Extension('2.5.29.32', true, Buffer.from('3000', 'hex'))] },
    ],
  ])('with a certificate %s', async (_name, wanted) => {
    const { status } = await send({ client: 'dn', header: asBytes(await issued(wanted)) });
    expect(status, lastReason()).toBe(200);
  });

  it.each(['rsa', 'pss-sha256', 'ed25519'] as const)('of an authority with %s', async (algorithm) => {
    const authority = await makeAppAuthority({ name: algorithm, algorithm });
    await replace(apps.certificate + authority.certificate);
    const { status } = await send({ client: 'dn', header: asBytes(await issued({}, authority)) });
    expect(status, lastReason()).toBe(200);
    await replace(apps.certificate + rsa.certificate);
  });

  it('with its next certificate as with the one before, without a word to Postern', async () => {
    for (const certificate of [await issued(), await issued({ algorithm: 'rsa' })]) {
      expect((await send({ client: 'dn', header: asBytes(certificate) })).status).toBe(200);
    }
  });
});

describe('nobody gets a token with a certificate', () => {
  it.each<[string, () => Promise<string>, RegExp]>([
    [
      'of another authority of the same name, for the same name',
      async () => issued({}, await makeAppAuthority()),
      /issued by "CN=Apps", but by none of clientAuthorities/,
    ],
    ['of its own making', async () => issued({}, await makeAppAuthority({ name: 'reports' })), /by none of/],
    [
      'that an app has issued with its own certificate',
      async () => issued({}, await apps.issue({ subject: SUBJECT })),
      /issued by "CN=reports,O=Example,C=SE", but by none of/,
    ],
    [
      'of an intermediate that is not named',
      async () =>
        issued(
          {},
          await apps.issue({ subject: 'CN=Between', isAuthority: true, usages: KeyUsageFlags.keyCertSign }),
        ),
      /issued by "CN=Between", but by none of/,
    ],
    [
      'that the authority’s key has signed under another name',
      () => issued({ issuer: 'CN=Other apps' }),
      /issued by "CN=Other apps", but by none of/,
    ],
    ['that has expired', () => issued({ from: -48, to: -1 }), /expired on/],
    ['of tomorrow', () => issued({ from: 24, to: 48 }), /not valid before/],
    ['for servers', () => issued({ purposes: [ExtendedKeyUsage.serverAuth] }), /not for TLS clients/],
    ['for any purpose by name', () => issued({ purposes: ['2.5.29.37.0'] }), /not for TLS clients/],
    ['for mail', () => issued({ purposes: [ExtendedKeyUsage.emailProtection] }), /not for TLS clients/],
    ['that may not sign', () => issued({ usages: KeyUsageFlags.keyEncipherment }), /not for signatures/],
    ['that may issue others', () => issued({ isAuthority: true }), /that of an authority/],
    ['with a weak key', () => issued({ algorithm: 'rsa-short' }), /fewer than 2048 bits/],
    [
      'with a critical extension that nobody knows',
      () => issued({ more: [new Extension('1.2.3.4', true, Buffer.from('0500', 'hex'))] }),
      /critical extension 1\.2\.3\.4/,
    ],
    [
      'with a proxy’s extension (RFC 3820)',
      () => issued({ more: [new Extension('1.3.6.1.5.5.7.1.14', true, Buffer.from('3000', 'hex'))] }),
      /by none of|critical extension 1\.3\.6/,
    ],
    [
      'for the same name in another order',
      () =>
        issued({ subject: testName([['CN', 'reports']], [['O', 'Example']], [['C', 'SE', TEXT.printable]]) }),
      /is "C=SE,O=Example,CN=reports"; registered is "CN=reports/,
    ],
    [
      'for a look-alike',
      () => issued({ subject: testName([['C', 'SE']], [['O', 'Example']], [['CN', 'rеports']]) }),
      /registered is/,
    ],
    [
      'whose subject holds a NUL',
      () => issued({ subject: testName([['C', 'SE']], [['O', 'Example']], [['CN', 'reports\0x']]) }),
      /beyond doubt/,
    ],
  ])('%s', async (_name, make, reason) => {
    await expectRefused(asBytes(await make()), reason);
  });

  it('whose signature was made with SHA-1', async () => {
    for (const algorithm of ['rsa-sha1', 'pss-sha1'] as const) {
      const weak = await makeAppAuthority({ name: 'Weak', algorithm });
      await replace(weak.certificate);
      await expectRefused(asBytes(await issued({}, weak)), /not SHA-256 or better/);
    }
    await replace(apps.certificate + rsa.certificate);
  });

  it('with one octet changed', async () => {
    const certificate = Buffer.from(asBytes(await issued()).slice(1, -1), 'base64');
    // In the name of the app, and in the signature.
    for (const at of [certificate.indexOf('reports'), certificate.length - 5]) {
      const changed = Buffer.from(certificate);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expectRefused(`:${changed.toString('base64')}:`, /by none of|no certificate that can be read/);
    }
  });

  it('of the authority itself', async () => {
    await expectRefused(asBytes(apps.certificate), /that of an authority/);
  });
});

describe('a name in subjectAltName', () => {
  it.each<[string, Registered, Buffer[]]>([
    ['of another host', 'dns', [alternative.dns('other.example.org')]],
    ['of every host', 'dns', [alternative.dns('*.example.org')]],
    ['of a host below', 'dns', [alternative.dns('x.reports.example.org')]],
    [
      'of another kind',
      'dns',
      [alternative.uri('dns:reports.example.org'), alternative.email('a@reports.example.org')],
    ],
    ['of another path', 'uri', [alternative.uri('spiffe://example.org/reports/')]],
    ['of a URI in another case', 'uri', [alternative.uri('spiffe://example.org/Reports')]],
    ['of another address', 'ip', [alternative.ip(10, 1, 2, 4)]],
    ['of a host that is called like the address', 'ip', [alternative.dns('10.1.2.3')]],
    ['of another mailbox', 'email', [alternative.email('reports@example.org')]],
    ['that is none', 'dns', []],
  ])('%s is not the registered one', async (_name, client, names) => {
    // The subject does not help: RFC 8705 §2.1.2 has one name count.
    await expectRefused(asBytes(await issued({ names })), /registered is/, client);
  });

  it.each<[string, Registered, Buffer]>([
    ['a host with a NUL', 'dns', alternative.dns('reports.example.org\0.evil.example')],
    ['a host with a look-alike', 'dns', alternative.dns('rеports.example.org')],
    ['a host with a line break', 'dns', alternative.dns('reports.example.org\n')],
    ['a host with a comma', 'dns', alternative.dns('x, DNS:reports.example.org')],
    ['a host with a dot at its end', 'dns', alternative.dns('reports.example.org.')],
    ['a URI with a NUL', 'uri', alternative.uri('spiffe://example.org/reports\0')],
    ['a URI with a space', 'uri', alternative.uri('spiffe://example.org/reports x')],
    ['a mailbox with a NUL', 'email', alternative.email('Reports@example.org\0')],
    ['an address of three octets', 'ip', alternative.ip(10, 1, 2)],
    ['a network', 'ip', alternative.ip(10, 1, 2, 3, 255, 255, 255, 255)],
    ['an IPv4 address in IPv6 form', 'ip', alternative.ip(...new Array(10).fill(0), 255, 255, 10, 1, 2, 3)],
  ])('beside %s makes the certificate worth nothing', async (_name, client, odd) => {
    const names = [...Object.values(NAMES), odd];
    await expectRefused(asBytes(await issued({ names })), /alternative name .* beyond doubt/, client);
  });

  it('in an extension that stands there twice is not read', async () => {
    const more = [
      new Extension('2.5.29.17', false, Buffer.concat([Buffer.from([0x30, NAMES.uri.length]), NAMES.uri])),
    ];
    const certificate = await issued({ names: [NAMES.dns], more });
    await expectRefused(asBytes(certificate), /cannot be read/, 'dns');
  });
});

describe('the header', () => {
  it('counts from the proxies alone, and once', async () => {
    const header = asBytes(await issued());
    expect(await send({ client: 'dn', header, from: '127.0.0.2' })).toEqual(NO);
    expect(lastReason()).toMatch(/came from 127\.0\.0\.2, which is not in reverseProxy\.from/);
    await expectRefused([header, header], /stands there 2 times/);
    await expectRefused(`${header}, ${header}`, /no certificate/);
    expect(await send({ client: 'dn' })).toEqual(NO);
  });

  it('is no proof for a client that is registered with a secret or a name of another kind', async () => {
    const header = asBytes(await issued());
    for (const client of ['dns', 'mail-program', 'nobody']) {
      expect((await send({ client, header })).status).not.toBe(200);
    }
  });
});

async function replace(text: string): Promise<void> {
  await writeFile(file, text);
  await door.server.reload();
}

describe('the authorities', () => {
  it('are read again when told, and whoever they no longer name is refused', async () => {
    const next = await makeAppAuthority({ name: 'Next' });
    const [before, after] = [asBytes(await issued()), asBytes(await issued({}, next))];
    await expectRefused(after, /by none of/);
    await replace(next.certificate);
    expect(door.eventsNamed('certificateReloaded').at(-1)).toMatchObject({ file });
    expect((await send({ client: 'dn', header: after })).status).toBe(200);
    await expectRefused(before, /by none of/);
    await replace(apps.certificate + rsa.certificate);
  });

  it('stay as they were while the file is of no use', async () => {
    const header = asBytes(await issued());
    const faults: [string, RegExp][] = [
      ['', /no certificate in PEM form/],
      [await issued(), /no authority’s/],
      [(await makeAppAuthority({ isAuthority: false })).certificate, /no authority’s/],
      [(await makeAppAuthority({ usages: KeyUsageFlags.digitalSignature })).certificate, /no authority’s/],
      [(await makeAppAuthority({ algorithm: 'rsa-short' })).certificate, /fewer than 2048 bits/],
      [
        (await makeAppAuthority({ more: [new Extension('1.2.3.4', true, Buffer.of(5, 0))] })).certificate,
        /critical extension 1\.2\.3\.4/,
      ],
      [apps.certificate.repeat(101), /more than 100/],
    ];
    for (const [text, reason] of faults) {
      await replace(text);
      expect(door.eventsNamed('certificateReloadFailed').at(-1)?.['reason']).toMatch(reason);
      expect((await send({ client: 'dn', header })).status).toBe(200);
      await replace(apps.certificate + rsa.certificate);
    }
    await unlink(file);
    await door.server.reload();
    expect((await send({ client: 'dn', header })).status).toBe(200);
    await replace(apps.certificate + rsa.certificate);
  });

  it('vouch for nobody once they have expired, or before their time', async () => {
    for (const dates of [
      { from: -48, to: -1 },
      { from: 1, to: 48 },
    ]) {
      const authority = await makeAppAuthority({ name: 'Out of date', ...dates });
      await replace(apps.certificate + authority.certificate);
      await expectRefused(
        asBytes(await issued({}, authority)),
        /authority .* has expired, or is not valid yet/,
      );
      expect((await send({ client: 'dn', header: asBytes(await issued()) })).status).toBe(200);
    }
    await replace(apps.certificate + rsa.certificate);
  });

  it('are told of before they expire', async () => {
    const soon = join(folder, 'soon.pem');
    const ending = await makeAppAuthority({ name: 'Soon', to: 24 });
    await writeFile(soon, apps.certificate + ending.certificate);
    const other = await openTestDoor(behindProxy({ clients: [], clientAuthorities: soon }));
    await expect
      .poll(() => other.eventsNamed('certificateExpires'), { timeout: 15_000 })
      .toMatchObject([{ file: soon, names: ['CN=Soon'] }]);
    await other.close();
  });

  it('that cannot be read keep the door from opening', async () => {
    const clientAuthorities = join(folder, 'nothing.pem');
    await expect(openTestDoor(behindProxy({ clients: [], clientAuthorities }))).rejects.toThrow(
      `authorization.clientAuthorities: there is no file ${clientAuthorities}`,
    );
  });
});

describe('the metadata', () => {
  const methods = async (of: TestDoor) => {
    const url = new URL('/.well-known/oauth-authorization-server', of.issuer);
    const { text } = await of.transport({ method: 'GET', url, headers: {} });
    return JSON.parse(text) as Record<string, unknown>;
  };

  it('name the method only where there are authorities', async () => {
    const plain = await openTestDoor(behindProxy({ clients: [] }));
    const [here, there] = [await methods(door), await methods(plain)];
    for (const endpoint of ['token', 'revocation', 'introspection']) {
      const name = `${endpoint}_endpoint_auth_methods_supported`;
      expect(here[name]).toEqual(expect.arrayContaining(['tls_client_auth', 'self_signed_tls_client_auth']));
      expect(there[name]).toContain('self_signed_tls_client_auth');
      expect(there[name]).not.toContain('tls_client_auth');
    }
    await plain.close();
  });
});
