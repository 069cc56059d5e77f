// TLS to the upstream: each way of protecting the connection, and what an operator reads when it does not come about.

import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import tls from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isRefusal, type Refusal } from '../../../../src/refusal.ts';
import { connectFailure } from '../../../../src/relay/connection/connect-failure.ts';
import type { UpstreamDialogue } from '../../../../src/relay/connection/dialogue.ts';
import type { UpstreamSettings } from '../../../../src/relay/settings.ts';
import { type CertificateFault, faultyCertificate } from '../../../support/bad-certificates.ts';
import { makeAuthority } from '../../../support/certificate-maker.ts';
import { testCertificate } from '../../../support/certificates.ts';
import { hangUp, held, raw, reply, silence } from '../../../support/scripted-upstream.ts';
import { useSteadyTime } from '../../../support/steady-time.ts';
import {
  authorityFile,
  connectTo,
  file,
  startUpstream,
  upstreamSettings,
} from '../../../support/upstream-connection.ts';

useSteadyTime();

function up(outcome: UpstreamDialogue | Refusal): UpstreamDialogue {
  if (isRefusal(outcome)) throw new Error(`${outcome.code}: ${outcome.reason}`);
  return outcome;
}

function down(outcome: UpstreamDialogue | Refusal): Refusal {
  if (!isRefusal(outcome)) throw new Error('it connected');
  return outcome;
}

const verified = async (tls: UpstreamSettings['tls'], more: Partial<UpstreamSettings> = {}) =>
  upstreamSettings({ tls, ca: await authorityFile(), ...more });

const fingerprintOf = (pem: string): string => new X509Certificate(pem).fingerprint256;

/** Whatever is sent there, a server of this kind answers; ends with the test. */
async function rawServer(onConnection: (socket: Socket) => void): Promise<{ host: string; port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    onConnection(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

describe('a verified connection', () => {
  test.each(['starttls', 'implicit'] as const)('comes about with tls: %s', async (tls) => {
    const upstream = await startUpstream({ tls });
    const dialogue = up(await connectTo(upstream, await verified(tls)));
    expect(dialogue.secure).toBe(true);
    expect([...dialogue.capabilities.keywords.keys()]).toContain('PIPELINING');
    expect(upstream.connections[0]?.handshake.serverName).toBe('localhost');
    expect(await dialogue.command('NOOP', 1000)).toMatchObject({ code: 250 });
    const ehlo = 'EHLO gate.example.org';
    expect(upstream.connections[0]?.commands).toEqual(
      tls === 'implicit' ? [ehlo, 'NOOP'] : [ehlo, 'STARTTLS', ehlo, 'NOOP'],
    );
  });

  test.each(['starttls', 'implicit'] as const)(
    'is checked by address, without SNI, where that is the server’s name (%s)',
    async (tls) => {
      const upstream = await startUpstream({ tls });
      up(await connectTo(upstream, await verified(tls), { serverName: '127.0.0.1' }));
      expect(upstream.connections[0]?.handshake.serverName).toBeUndefined();
      const other = down(await connectTo(upstream, await verified(tls), { serverName: '127.0.0.2' }));
      expect(other.reason).toContain('not for 127.0.0.2');
    },
  );

  test.each(['starttls', 'implicit'] as const)(
    'refuses another name and lists those found (%s)',
    async (tls) => {
      const upstream = await startUpstream({ tls });
      const refusal = down(
        await connectTo(upstream, await verified(tls), { serverName: 'mail.example.org' }),
      );
      expect(refusal.code).toBe('upstream-unavailable');
      expect(refusal.reason).toMatch(
        /its certificate is for DNS:localhost, IP Address:127\.0\.0\.1, not for mail\.example\.org; .*`serverName`/,
      );
      expect(upstream.connections.flatMap(({ commands }) => commands.slice(2))).toEqual([]);
    },
  );

  test.each(['starttls', 'implicit'] as const)(
    'refuses an authority that is not trusted (%s)',
    async (tls) => {
      const upstream = await startUpstream({ tls });
      const unknown = down(await connectTo(upstream, upstreamSettings({ tls })));
      expect(unknown.code).toBe('upstream-unavailable');
      expect(unknown.reason).toMatch(/signed by no authority that this machine trusts .*set `ca`/);
      const ca = file('other.pem', (await makeAuthority()).certificate);
      expect(down(await connectTo(upstream, upstreamSettings({ tls, ca }))).reason).toContain(
        `no authority in ${ca}`,
      );
      expect(upstream.connections.flatMap(({ commands }) => commands.slice(2))).toEqual([]);
    },
  );

  test.each([
    ['that has expired', { validTo: -1, validFrom: -2 }, /has expired .*must be renewed/],
    ['of tomorrow', { validFrom: 24 }, /is not valid yet .*clocks/],
    [
      'for another host',
      { names: [{ type: 'dns', value: 'mail.example.net' }] },
      /is for DNS:mail\.example\.net, not for localhost/,
    ],
  ] satisfies [string, CertificateFault, RegExp][])('refuses a certificate %s', async (_, fault, reason) => {
    const certificate = await faultyCertificate(fault);
    const upstream = await startUpstream({ tls: 'starttls', certificate });
    const ca = file('ca.pem', certificate.ca);
    const refusal = down(await connectTo(upstream, upstreamSettings({ tls: 'starttls', ca })));
    expect(refusal).toMatchObject({ code: 'upstream-unavailable', reason: expect.stringMatching(reason) });
  });

  test.each(['starttls', 'implicit'] as const)('refuses a server of TLS 1.1 (%s)', async (tls) => {
    const upstream = await startUpstream({
      tls,
      tlsOptions: { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' },
    });
    expect(down(await connectTo(upstream, await verified(tls))).reason).toContain(
      'speaks no TLS 1.2 or newer',
    );
  });

  test('is of TLS 1.2 at least, whatever Node was told to take', async () => {
    const { DEFAULT_MIN_VERSION, DEFAULT_CIPHERS } = tls;
    onTestFinished(() => void Object.assign(tls, { DEFAULT_MIN_VERSION, DEFAULT_CIPHERS }));
    Object.assign(tls, { DEFAULT_MIN_VERSION: 'TLSv1', DEFAULT_CIPHERS: 'ALL@SECLEVEL=0' });
    const upstream = await startUpstream({ tls: 'starttls', tlsOptions: { maxVersion: 'TLSv1.1' } });
    expect(down(await connectTo(upstream, await verified('starttls'))).reason).toContain('TLS 1.2');
  });

  test('reads the authorities anew each time, and one that is gone costs one try', async () => {
    const upstream = await startUpstream({ tls: 'starttls' });
    const settings = await verified('starttls');
    up(await connectTo(upstream, settings));
    const gone = { ...settings, ca: `${settings.ca}.gone` };
    expect(down(await connectTo(upstream, gone))).toMatchObject({
      code: 'upstream-unavailable',
      reason: `${gone.ca} can’t be read (ENOENT)`,
    });
  });
});

describe('an upstream that is not what the settings say', () => {
  test('offers no STARTTLS where that is required: nothing but EHLO is said in clear text', async () => {
    const upstream = await startUpstream({ tls: 'none' });
    const refusal = down(await connectTo(upstream, await verified('starttls')));
    expect(refusal.code).toBe('upstream-unavailable');
    expect(refusal.reason).toMatch(/offers no STARTTLS, .* it said: 503 5\.5\.1 no; try .*`tls: implicit`/);
    expect(upstream.connections[0]?.commands).toEqual(['EHLO gate.example.org', 'STARTTLS']);
  });

  test('knows no EHLO where STARTTLS is required', async () => {
    const upstream = await startUpstream({ tls: 'none' });
    upstream.on('EHLO', reply('502 5.5.2 what?'));
    expect(down(await connectTo(upstream, await verified('starttls'))).reason).toContain(
      'said 502 5.5.2 what?',
    );
  });

  test('speaks TLS from the first byte where STARTTLS is awaited', async () => {
    const upstream = await startUpstream({ tls: 'implicit' });
    const settings = await verified('starttls', { connectTimeout: 500 });
    expect(down(await connectTo(upstream, settings))).toMatchObject({
      code: 'upstream-timeout',
      reason: expect.stringMatching(/does not greet; .*`tls: implicit` \(within 500 ms\)/),
    });
  });

  test('greets in clear text where TLS is awaited from the first byte', async () => {
    const upstream = await startUpstream({ tls: 'starttls' });
    expect(down(await connectTo(upstream, await verified('implicit')))).toMatchObject({
      code: 'upstream-unavailable',
      reason: expect.stringMatching(/does not speak TLS from the first byte .*set `tls: starttls`/),
    });
  });

  test('speaks no TLS after its own yes to STARTTLS', async () => {
    const server = await rawServer((socket) => {
      socket.write('220 upstream.example ESMTP\r\n');
      socket.on('data', (bytes) => {
        const verb = String(bytes).slice(0, 4);
        socket.write(verb === 'EHLO' ? '250 STARTTLS\r\n' : '220 go on\r\n');
      });
    });
    expect(down(await connectTo(server, await verified('starttls'))).reason).toContain(
      'speaks no TLS after STARTTLS',
    );
  });

  test.each([
    ['while connecting with TLS', 'implicit', '', /does not go on with the TLS handshake/],
    ['after STARTTLS', 'starttls', '220 a\r\n250 STARTTLS\r\n220 go on\r\n', /does not go on with the TLS/],
    ['after EHLO', 'none', '220 a\r\n', /does not answer EHLO or STARTTLS/],
    ['at once', 'none', '', /does not greet/],
  ] as const)('falls silent %s', async (_, tls, said, reason) => {
    const server = await rawServer((socket) => {
      const lines = said.split(/(?<=\n)/);
      socket.write(lines.shift() ?? '');
      socket.on('data', () => socket.write(lines.shift() ?? ''));
    });
    const settings = await verified(tls, { connectTimeout: 500 });
    const start = performance.now();
    expect(down(await connectTo(server, settings))).toMatchObject({
      code: 'upstream-timeout',
      reason: expect.stringMatching(reason),
    });
    expect(performance.now() - start).toBeLessThan(2_000);
  });

  test.each([
    ['in the handshake', 'implicit', '', / closed the connection/],
    [
      'after STARTTLS',
      'starttls',
      '220 a\r\n250 STARTTLS\r\n220 go on\r\n',
      / closed the connection in the TLS/,
    ],
    ['before it greets', 'none', '', / closed the connection/],
    ['after EHLO', 'none', '220 a\r\n', / closed the connection instead of answering/],
  ] as const)('hangs up %s', async (_, tls, said, reason) => {
    const server = await rawServer((socket) => {
      const lines = said.split(/(?<=\n)/).filter(Boolean);
      const first = lines.shift();
      if (first === undefined && tls === 'none') return void socket.end();
      socket.write(first ?? '');
      socket.on('data', () => {
        const line = lines.shift();
        if (line === undefined) socket.end();
        else socket.write(line);
      });
    });
    expect(down(await connectTo(server, await verified(tls)))).toMatchObject({
      code: 'upstream-unavailable',
      reason: expect.stringMatching(reason),
    });
  });

  test('does not listen', async () => {
    const upstream = await startUpstream();
    await upstream.down();
    const refusal = down(await connectTo(upstream, upstreamSettings()));
    expect(refusal.reason).toBe(`127.0.0.1:${upstream.port}: nothing listens there (ECONNREFUSED)`);
  });

  test.each([
    ['a no', reply('554 5.7.1 go away'), 'greets with 554 5.7.1 go away'],
    ['an adieu', hangUp('421 4.3.2 too many'), 'greets with 421 4.3.2 too many'],
    ['garbage', raw('HTTP/1.1 400 Bad Request\r\n'), 'greets with HTTP/1.1 400 Bad Request'],
    ['control characters', raw('554 \x1b[31m\x07no\r\n'), 'greets with 554  [31m no'],
  ])('greets with %s', async (_, greeting, words) => {
    const upstream = await startUpstream();
    upstream.on('greeting', greeting);
    expect(down(await connectTo(upstream, upstreamSettings()))).toEqual({
      refused: true,
      code: 'upstream-unavailable',
      reason: `127.0.0.1:${upstream.port} ${words}`,
    });
  });

  test('says more than its reply to EHLO: the next answer would be one too late', async () => {
    const upstream = await startUpstream();
    upstream.on('EHLO', reply('250 upstream.example', '250 ok'));
    expect(down(await connectTo(upstream, upstreamSettings())).code).toBe('upstream-protocol');
  });

  test('injects a reply in clear text behind its yes to STARTTLS: forgotten (RFC 3207 §6)', async () => {
    const upstream = await startUpstream({ tls: 'starttls', keywords: ['DSN'] });
    upstream.on('STARTTLS', reply('220 go on', '250-evil.example', '250 XCLIENT LOGIN'));
    const dialogue = up(await connectTo(upstream, await verified('starttls')));
    expect([...dialogue.capabilities.keywords.keys()]).toEqual(['DSN']);
  });
});

describe('a pinned certificate', () => {
  test.each([
    ['as openssl prints it', (digits: string) => digits],
    ['in small letters', (digits: string) => digits.toLowerCase()],
    ['without colons', (digits: string) => digits.replaceAll(':', '')],
  ])('is enough, whatever else is wrong with it; written %s', async (_, spelled) => {
    const certificate = await faultyCertificate({ validTo: -1, validFrom: -2, names: [] });
    const upstream = await startUpstream({ tls: 'starttls', certificate });
    const fingerprints = ['00:'.repeat(31).concat('00'), spelled(fingerprintOf(certificate.certificate))];
    const settings = upstreamSettings({ tls: 'starttls', fingerprints });
    expect(up(await connectTo(upstream, settings, { serverName: 'elsewhere.example' })).secure).toBe(true);
  });

  test.each(['starttls', 'implicit'] as const)(
    'that is another one is named, and nothing but EHLO was said (%s)',
    async (tls) => {
      const { certificate } = await testCertificate();
      const upstream = await startUpstream({ tls });
      const fingerprints = ['00:'.repeat(31).concat('00')];
      // A good chain does not make up for it.
      const refusal = down(await connectTo(upstream, await verified(tls, { fingerprints })));
      expect(refusal.code).toBe('upstream-unavailable');
      expect(refusal.reason).toContain(fingerprintOf(certificate));
      expect(refusal.reason).toContain('not among `fingerprints`');
      await upstream.until(() => upstream.connections[0]?.closed === true, 'the connection to be closed');
      const said = upstream.connections[0]?.commands ?? [];
      expect(new Set(said)).toEqual(
        new Set(['EHLO gate.example.org', ...(tls === 'starttls' ? ['STARTTLS'] : [])]),
      );
    },
  );
});

describe('opportunistic', () => {
  const settings = upstreamSettings({ tls: 'opportunistic' });

  test('takes TLS where it is offered, with whatever certificate', async () => {
    const certificate = await faultyCertificate({ validTo: -1, validFrom: -2, names: [] });
    const upstream = await startUpstream({ tls: 'starttls', certificate });
    expect(up(await connectTo(upstream, settings)).secure).toBe(true);
  });

  test('goes on in clear text where it is not', async () => {
    const upstream = await startUpstream({ tls: 'none' });
    expect(up(await connectTo(upstream, settings)).secure).toBe(false);
    expect(upstream.connections[0]?.commands).toEqual(['EHLO gate.example.org']);
  });

  test('goes on in clear text where STARTTLS is refused', async () => {
    const upstream = await startUpstream({ tls: 'starttls', keywords: ['DSN', 'SIZE 1000'] });
    upstream.on('STARTTLS', reply('454 4.7.0 TLS not available just now'));
    const dialogue = up(await connectTo(upstream, settings));
    expect(dialogue.secure).toBe(false);
    // What it said before that no goes on to count.
    expect([...dialogue.capabilities.keywords.keys()]).toEqual(['DSN', 'SIZE', 'STARTTLS']);
    expect(dialogue.capabilities.maxMessageBytes).toBe(1000);
    expect(await dialogue.command('NOOP', 1000)).toMatchObject({ code: 250 });
  });

  test.each([
    [
      'a version nobody should speak',
      { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' },
    ],
    ['a client certificate it insists on', { requestCert: true, rejectUnauthorized: true }],
    ['the same, with TLS 1.2', { requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' }],
  ] as const)(
    'goes on in clear text on a new connection where the handshake fails over %s',
    async (_, tlsOptions) => {
      const upstream = await startUpstream({ tls: 'starttls', tlsOptions });
      expect(up(await connectTo(upstream, settings)).secure).toBe(false);
      expect(upstream.connections).toHaveLength(2);
      expect(upstream.connections[1]?.commands).toEqual(['EHLO gate.example.org']);
    },
  );

  test('goes on in clear text on a new connection where the handshake is cut off', async () => {
    const upstream = await startUpstream({ tls: 'starttls' });
    upstream.on('STARTTLS', hangUp('220 go on'));
    expect(up(await connectTo(upstream, settings)).secure).toBe(false);
    expect(upstream.connections).toHaveLength(2);
  });

  test('does not try a second time where it was no handshake that failed', async () => {
    const upstream = await startUpstream({ tls: 'starttls' });
    upstream.on('greeting', reply('554 no'));
    down(await connectTo(upstream, settings));
    expect(upstream.connections).toHaveLength(1);
  });

  test('both connections have the one limit together', async () => {
    const tlsOptions = { requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' } as const;
    const upstream = await startUpstream({ tls: 'starttls', tlsOptions });
    const half = new Promise<void>((resolve) => setTimeout(resolve, 1_000));
    upstream.on('greeting', held(half, reply('220 a')), { times: 1 });
    upstream.on('greeting', silence());
    const start = performance.now();
    const refusal = down(await connectTo(upstream, { ...settings, connectTimeout: 1_600 }));
    expect(refusal.code).toBe('upstream-timeout');
    expect(upstream.connections).toHaveLength(2);
    expect(performance.now() - start).toBeLessThan(2_500);
  });
});

describe('a client certificate', () => {
  async function parties(tlsOptions: object = {}) {
    const authority = await makeAuthority();
    const upstream = await startUpstream({
      tls: 'starttls',
      tlsOptions: { requestCert: true, rejectUnauthorized: true, ca: authority.certificate, ...tlsOptions },
    });
    const issued = await authority.issue({ names: [], commonName: 'gate.example.org', usage: 'client' });
    const clientCertificate = {
      certificate: file('client.pem', issued.certificate),
      key: file('client.key', issued.key),
      login: false,
    };
    return { upstream, clientCertificate, settings: await verified('starttls') };
  }

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'is shown to an upstream that asks for it (%s)',
    async (maxVersion) => {
      const { upstream, clientCertificate, settings } = await parties({ maxVersion });
      up(await connectTo(upstream, { ...settings, clientCertificate }));
      expect(upstream.connections[0]?.handshake.client).toBe('gate.example.org');
    },
  );

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'that is missing is asked for by name (%s)',
    async (maxVersion) => {
      const { upstream, settings } = await parties({ maxVersion });
      const refusal = down(await connectTo(upstream, settings));
      expect(refusal.code).toBe('upstream-unavailable');
      expect(refusal.reason).toMatch(/wants a client certificate .*set `clientCertificate`/);
    },
  );

  test('that is missing, told after an implicit handshake of TLS 1.3 is over', async () => {
    const upstream = await startUpstream({
      tls: 'implicit',
      tlsOptions: { requestCert: true, rejectUnauthorized: true },
    });
    const refusal = down(await connectTo(upstream, await verified('implicit')));
    expect(refusal.reason).toMatch(/client certificate/);
  });

  test('that is missing may be all that a silent end after the handshake means', async () => {
    const upstream = await startUpstream({ tls: 'implicit' });
    upstream.on('greeting', hangUp());
    const refusal = down(await connectTo(upstream, await verified('implicit')));
    expect(refusal.reason).toMatch(/instead of greeting .* want a client certificate/);
  });

  test.each([
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', /does not take the client certificate client\.pem \(.*UNKNOWN_CA\)/],
    ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', /does not take the client certificate/],
    ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED', /must be valid/],
    ['ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE', /does not take the client certificate/],
    [
      'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
      /wants a client certificate .* one of an authority that it names/,
    ],
    [
      'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR',
      /broke the TLS handshake off \(ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR\)/,
    ],
    ['ERR_SSL_NO_CIPHERS_AVAILABLE', /: no TLS \(ERR_SSL_NO_CIPHERS_AVAILABLE\)/],
  ])('that the upstream does not take is told by its alert %s', (originalCode, reason) => {
    const error = Object.assign(new Error('alert'), { code: 'ESOCKET', originalCode });
    const clientCertificate = { certificate: 'client.pem', key: 'client.key', login: false };
    const settings = upstreamSettings({ tls: 'starttls', clientCertificate });
    const target = { host: '::1', port: 25, serverName: 'localhost' };
    expect(connectFailure(error, { settings, target, phase: 'handshake' })).toMatchObject({
      code: 'upstream-unavailable',
      reason: expect.stringMatching(reason),
    });
  });

  test('is read anew for each connection', async () => {
    const { upstream, clientCertificate, settings } = await parties();
    const other = { ...clientCertificate, certificate: file('other.pem', 'no certificate at all') };
    const refusal = down(await connectTo(upstream, { ...settings, clientCertificate: other }));
    expect(refusal.code).toBe('upstream-unavailable');
    expect(refusal.reason).toContain(`${other.certificate} with the key ${other.key} can’t be used for TLS`);
    up(await connectTo(upstream, { ...settings, clientCertificate }));
  });

  test('whose key is another one’s is told before anything is connected', async () => {
    const { upstream, clientCertificate, settings } = await parties();
    const stranger = await (await makeAuthority()).issue({ names: ['x'], usage: 'client' });
    const wrong = { ...clientCertificate, key: file('wrong.key', stranger.key) };
    expect(down(await connectTo(upstream, { ...settings, clientCertificate: wrong })).reason).toContain(
      'KEY_VALUES_MISMATCH',
    );
    expect(upstream.connections).toEqual([]);
  });
});
