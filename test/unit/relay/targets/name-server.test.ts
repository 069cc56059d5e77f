// What real packets of DNS lead to: node's own resolver asks a name server on loopback.

import { Resolver } from 'node:dns/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createTargets, type TargetSettings } from '../../../../src/relay/targets/targets.ts';
import { type NameServer, type NameServerRecord, startNameServer } from '../../../support/name-server.ts';

let server: NameServer | undefined;

afterEach(() => server?.close());

async function candidates(
  settings: Partial<TargetSettings>,
  options: { records?: NameServerRecord[]; behaviour?: 'silent' | 'fails' | 'garbage' } = {},
) {
  server = await startNameServer({ records: [], ...options });
  const resolver = new Resolver({ timeout: options.behaviour === 'silent' ? 400 : 4_000, tries: 1 });
  resolver.setServers([server.address]);
  const asked: TargetSettings = { host: 'example.org', lookup: 'mx', tls: 'starttls', ...settings };
  return await createTargets({ settings: asked, resolver }).candidates();
}

const A: NameServerRecord = { name: 'a.example', type: 'A', data: '192.0.2.1' };
const AAAA: NameServerRecord = {
  name: 'a.example',
  type: 'AAAA',
  data: `2001:0db8:${'0000:'.repeat(5)}0001`,
};
const B: NameServerRecord = { name: 'b.example', type: 'A', data: '192.0.2.2' };

describe('a name server on loopback', () => {
  it('gives MX records and the addresses in them', async () => {
    const found = await candidates(
      {},
      {
        records: [
          { name: 'example.org', type: 'MX', data: '20 b.example' },
          { name: 'example.org', type: 'MX', data: '10 a.example' },
          A,
          AAAA,
          B,
        ],
      },
    );
    expect(found).toEqual([
      { host: '192.0.2.1', port: 25, serverName: 'a.example' },
      { host: '2001:db8::1', port: 25, serverName: 'a.example' },
      { host: '192.0.2.2', port: 25, serverName: 'b.example' },
    ]);
  });

  it('gives SRV records and the addresses in them', async () => {
    const name = '_submissions._tcp.xn--mller-kva.example';
    const found = await candidates(
      { host: 'müller.example', lookup: 'srv', tls: 'implicit' },
      { records: [{ name, type: 'SRV', data: '5 1 4465 b.example' }, B] },
    );
    expect(found).toEqual([{ host: '192.0.2.2', port: 4465, serverName: 'b.example' }]);
  });

  it('says null MX (RFC 7505)', async () => {
    const records: NameServerRecord[] = [{ name: 'example.org', type: 'MX', data: '0 .' }];
    expect(await candidates({}, { records })).toMatchObject({
      code: 'upstream-unavailable',
      reason: expect.stringContaining('example.org takes no mail at all (null MX, RFC 7505)'),
    });
  });

  it('says that a service is not available (RFC 2782)', async () => {
    const name = '_submission._tcp.example.org';
    const records: NameServerRecord[] = [{ name, type: 'SRV', data: '0 0 0 .' }];
    expect(await candidates({ lookup: 'srv' }, { records })).toMatchObject({
      code: 'upstream-unavailable',
      reason: expect.stringContaining(`${name} says that the service is decidedly not available`),
    });
  });

  it('knows no such name', async () => {
    expect(await candidates({ lookup: 'srv' })).toMatchObject({
      code: 'upstream-unavailable',
      reason: expect.stringMatching(/^DNS says that there is no SRV record _submission\._tcp\.example\.org/),
    });
  });

  it.each([
    ['fails', 'SERVFAIL'],
    ['silent', 'no answer in time'],
    ['garbage', ''],
  ] as const)('that %s is told of', async (behaviour, word) => {
    expect(await candidates({}, { behaviour })).toMatchObject({
      code: 'upstream-unavailable',
      reason: expect.stringMatching(
        new RegExp(`^no answer from DNS for MX record of example\\.org: .*${word}.*; check that the name`),
      ),
    });
  });

  it('gone altogether is told of', async () => {
    server = await startNameServer({ records: [] });
    const resolver = new Resolver({ timeout: 400, tries: 1 });
    resolver.setServers([server.address]);
    await server.close();
    server = undefined;
    const settings = { host: 'example.org', lookup: 'srv', tls: 'none' } as const;
    expect(await createTargets({ settings, resolver }).candidates()).toMatchObject({
      reason: expect.stringMatching(/^no answer from DNS for SRV record/),
    });
  });

  it('leaves the machine’s own lookup what an operator wrote: localhost needs no DNS', async () => {
    const found = await candidates(
      { host: 'localhost', lookup: 'address', port: 1025 },
      { behaviour: 'fails' },
    );
    expect(found).toContainEqual({ host: '127.0.0.1', port: 1025, serverName: 'localhost' });
  });
});
