// Candidates for a connection: which targets, in which order, and which of them stand behind because they fail.

import { beforeEach, describe, expect, it } from 'vitest';
import { isRefusal } from '../../../../src/refusal.ts';
import {
  createTargets,
  type Target,
  type TargetSettings,
  type Targets,
} from '../../../../src/relay/targets/targets.ts';
import { type Zone, zoneResolver } from './fake-resolver.ts';
import { seeded } from './seeded.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
let clock = 0;

beforeEach(() => {
  clock = 0;
});

function targetsFor(
  settings: Partial<TargetSettings> & { host: string },
  zone: Zone = {},
  random: () => number = seeded(4),
): Targets {
  const resolver = zoneResolver(zone);
  return createTargets({
    settings: { lookup: 'address', tls: 'starttls', ...settings },
    resolver,
    system: resolver.system,
    now: () => clock,
    random,
  });
}

async function hostsOf(targets: Targets): Promise<string[]> {
  return (await found(targets)).map(({ host }) => host);
}

async function found(targets: Targets): Promise<Target[]> {
  const candidates = await targets.candidates();
  if (isRefusal(candidates)) throw new Error(candidates.reason);
  return candidates;
}

async function reasonOf(targets: Targets): Promise<string> {
  const candidates = await targets.candidates();
  expect(candidates).toMatchObject({ refused: true, code: 'upstream-unavailable' });
  return isRefusal(candidates) ? candidates.reason : '';
}

describe('lookup: address', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['[192.0.2.1]', '192.0.2.1'],
    ['2001:db8::1', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[IPv6:2001:db8::1]', '2001:db8::1'],
  ])('takes the literal address %s as it is, and asks nobody', async (host, address) => {
    const target = { host: address, port: 25, serverName: address };
    expect(await found(targetsFor({ host }))).toEqual([target]);
  });

  it('makes a target of each address, with the name for the certificate', async () => {
    const zone = { 'mail.example': { A: ['192.0.2.1', '192.0.2.2'] } };
    const targets = await found(targetsFor({ host: 'mail.example', port: 587 }, zone));
    expect(targets).toHaveLength(2);
    expect(targets).toContainEqual({ host: '192.0.2.1', port: 587, serverName: 'mail.example' });
    expect(targets).toContainEqual({ host: '192.0.2.2', port: 587, serverName: 'mail.example' });
  });

  it('shares the load among addresses', async () => {
    const zone = { 'mail.example': { A: ['192.0.2.1', '192.0.2.2'] } };
    const targets = targetsFor({ host: 'mail.example' }, zone);
    let first = 0;
    for (let draw = 0; draw < 400; draw += 1) if ((await hostsOf(targets))[0] === '192.0.2.1') first += 1;
    expect(first).toBeGreaterThan(160);
    expect(first).toBeLessThan(240);
  });

  it('takes the families in turn, the one the system has first before the other', async () => {
    const six = ['2001:db8::1', '2001:db8::2', '2001:db8::3'];
    const zone = { 'mail.example': { A: [...six, '192.0.2.1'] } };
    const hosts = await hostsOf(targetsFor({ host: 'mail.example' }, zone));
    expect(hosts.map((host) => (host.includes(':') ? 6 : 4))).toEqual([6, 4, 6, 6]);
    const other = { 'mail.example': { A: ['192.0.2.1', ...six] } };
    expect((await hostsOf(targetsFor({ host: 'mail.example' }, other)))[0]).toBe('192.0.2.1');
  });

  it('has port 465 for implicit TLS and 25 otherwise, where none is set', async () => {
    expect(await found(targetsFor({ host: '192.0.2.1', tls: 'implicit' }))).toMatchObject([{ port: 465 }]);
    expect(await found(targetsFor({ host: '192.0.2.1', tls: 'none' }))).toMatchObject([{ port: 25 }]);
    const set = targetsFor({ host: '192.0.2.1', tls: 'implicit', port: 2465 });
    expect(await found(set)).toMatchObject([{ port: 2465 }]);
  });

  it('asks for A-labels, with the final dot, and has the certificate bear them without it', async () => {
    const zone = { 'xn--mller-kva.example.': { A: ['192.0.2.1'] } };
    const targets = targetsFor({ host: 'MÜLLER.example.' }, zone);
    expect(await found(targets)).toEqual([
      { host: '192.0.2.1', port: 25, serverName: 'xn--mller-kva.example' },
    ]);
  });

  it('has the certificate bear serverName where it is set', async () => {
    const zone = { 'mail.example': { A: ['192.0.2.1'] } };
    const targets = targetsFor({ host: 'mail.example', serverName: 'Größe.example.' }, zone);
    expect(await found(targets)).toMatchObject([{ serverName: 'xn--gre-6ka8i.example' }]);
  });

  it('says that there is no such name', async () => {
    expect(await reasonOf(targetsFor({ host: 'gone.example' }))).toMatch(
      /no address of gone\.example; check the spelling/,
    );
  });

  it.each(['a b', 'ex\u0001ample.org', 'mail..example', '-', '', 'x.'.repeat(128)])(
    'says that %j is no host name, without its bytes',
    async (host) => {
      const reason = await reasonOf(targetsFor({ host }));
      expect(reason).toMatch(/no name that its lookup can use/);
      expect(reason).toMatch(/^[\x20-\x7e]*$/);
    },
  );
});

describe('lookup: mx', () => {
  const zone = {
    'example.org': { MX: ['20 b.example', '10 a.example', '30 c.example'] },
    'a.example': { A: ['192.0.2.1'], AAAA: ['2001:db8::1'] },
    'b.example': { A: ['192.0.2.2'] },
    'c.example': { A: ['192.0.2.3'] },
  };
  const mx = { host: 'example.org', lookup: 'mx' } as const;

  it('goes by preference, each server with all its addresses, IPv4 first', async () => {
    expect(await found(targetsFor(mx, zone))).toEqual([
      { host: '192.0.2.1', port: 25, serverName: 'a.example' },
      { host: '2001:db8::1', port: 25, serverName: 'a.example' },
      { host: '192.0.2.2', port: 25, serverName: 'b.example' },
      { host: '192.0.2.3', port: 25, serverName: 'c.example' },
    ]);
  });

  it('takes the port that is set, and serverName for every server', async () => {
    const targets = await found(targetsFor({ ...mx, port: 2525, serverName: 'mx.example.org' }, zone));
    expect(new Set(targets.map(({ port }) => port))).toEqual(new Set([2525]));
    expect(new Set(targets.map(({ serverName }) => serverName))).toEqual(new Set(['mx.example.org']));
  });

  it('draws among servers of the same preference', async () => {
    const same = { ...zone, 'example.org': { MX: ['10 a.example', '10 b.example'] } };
    const targets = targetsFor(mx, same);
    const first = new Set<string | undefined>();
    for (let draw = 0; draw < 50; draw += 1) first.add((await hostsOf(targets))[0]);
    expect(first).toEqual(new Set(['192.0.2.1', '192.0.2.2']));
  });

  it('takes the domain itself where it has no MX record', async () => {
    const targets = targetsFor(mx, { 'example.org': { A: ['192.0.2.9'] } });
    expect(await found(targets)).toEqual([{ host: '192.0.2.9', port: 25, serverName: 'example.org' }]);
    expect(await reasonOf(targetsFor(mx))).toMatch(/no address of example\.org.*no MX record either/);
  });

  it('has no MX records of an address', async () => {
    const resolver = zoneResolver({});
    const settings = { ...mx, host: '192.0.2.1', tls: 'starttls' } as const;
    expect(await found(createTargets({ settings, resolver }))).toMatchObject([{ host: '192.0.2.1' }]);
    expect(resolver.questions).toEqual([]);
  });

  it('takes an empty answer for none', async () => {
    const targets = targetsFor(mx, { 'example.org': { MX: [], A: ['192.0.2.9'] } });
    expect(await hostsOf(targets)).toEqual(['192.0.2.9']);
  });

  it('leaves out servers without an address', async () => {
    const { 'a.example': _gone, ...rest } = zone;
    expect(await hostsOf(targetsFor(mx, rest))).toEqual(['192.0.2.2', '192.0.2.3']);
  });

  it('says that none of them has an address', async () => {
    expect(await reasonOf(targetsFor(mx, { 'example.org': { MX: ['0 gone.example'] } }))).toMatch(
      /no address of gone\.example \(MX record of example\.org\)/,
    );
  });

  it('believes no name that is none', async () => {
    const bad = ['0 a\\000b.example', '0 192.0.2.1', `0 ${'x'.repeat(64)}.example`, '0 a b.example'];
    expect(await reasonOf(targetsFor(mx, { 'example.org': { MX: bad } }))).toBe(
      'the MX record of example.org names no usable host; it must be mended in DNS',
    );
    const one = { ...zone, 'example.org': { MX: [...bad, '10 B.example.'] } };
    expect(await found(targetsFor(mx, one))).toEqual([
      { host: '192.0.2.2', port: 25, serverName: 'b.example' },
    ]);
  });

  it('asks for no names without end, and hands out 20 targets at most, of several servers', async () => {
    const names = Array.from({ length: 300 }, (_, index) => `mx${index}.example`);
    const many = { A: Array.from({ length: 90 }, (_, index) => `192.0.2.${index}`) };
    const resolver = zoneResolver({
      'example.org': { MX: names.map((name, index) => `${index} ${name}`) },
      ...Object.fromEntries(names.map((name) => [name, many])),
    });
    const settings = { lookup: 'mx', host: 'example.org', tls: 'starttls' } as const;
    const targets = await found(createTargets({ settings, resolver, system: resolver.system }));
    expect(resolver.questions.length).toBe(1 + 2 * 20);
    expect(targets).toHaveLength(20);
    expect(new Set(targets.map(({ serverName }) => serverName)).size).toBe(3);
  });
});

describe('lookup: srv', () => {
  const zone = {
    '_submission._tcp.example.org': { SRV: ['10 0 587 b.example', '0 9 2587 a.example'] },
    '_submissions._tcp.example.org': { SRV: ['0 1 465 a.example'] },
    '_smtp-relay._tcp.example.org': { SRV: ['0 1 26 b.example'] },
    'a.example': { A: ['192.0.2.1'] },
    'b.example': { A: ['192.0.2.2'] },
  };
  const srv = { host: 'example.org', lookup: 'srv' } as const;
  const a = { host: '192.0.2.1', serverName: 'a.example' };
  const b = { host: '192.0.2.2', serverName: 'b.example' };

  it.each<[string, Partial<TargetSettings>, object[]]>([
    [
      '_submission for starttls',
      { tls: 'starttls' },
      [
        { ...a, port: 2587 },
        { ...b, port: 587 },
      ],
    ],
    [
      '_submission for none',
      { tls: 'none' },
      [
        { ...a, port: 2587 },
        { ...b, port: 587 },
      ],
    ],
    ['_submissions for implicit', { tls: 'implicit' }, [{ ...a, port: 465 }]],
    ['a whole name', { host: '_smtp-relay._tcp.example.org' }, [{ ...b, port: 26 }]],
    [
      'the port of the record, whatever is set',
      { port: 25 },
      [
        { ...a, port: 2587 },
        { ...b, port: 587 },
      ],
    ],
  ])('takes %s', async (_name, settings, expected) => {
    expect(await found(targetsFor({ ...srv, ...settings }, zone))).toEqual(expected);
  });

  it('draws by weight', async () => {
    const weighted = {
      ...zone,
      '_submission._tcp.example.org': { SRV: ['0 3 587 a.example', '0 1 587 b.example'] },
    };
    const targets = targetsFor(srv, weighted);
    let first = 0;
    for (let draw = 0; draw < 1000; draw += 1) if ((await hostsOf(targets))[0] === '192.0.2.1') first += 1;
    expect(first).toBeGreaterThan(700);
    expect(first).toBeLessThan(800);
  });

  it('tries what several records name once', async () => {
    const twice = {
      ...zone,
      '_submission._tcp.example.org': {
        SRV: ['0 1 587 a.example', '5 1 587 A.example', '9 1 588 a.example'],
      },
    };
    expect(await found(targetsFor(srv, twice))).toEqual([
      { ...a, port: 587 },
      { ...a, port: 588 },
    ]);
  });

  it('says that there is no such record', async () => {
    expect(await reasonOf(targetsFor({ ...srv, host: 'example.net' }, zone))).toMatch(
      /there is no SRV record _submission\._tcp\.example\.net; .*lookup: address/,
    );
  });

  it('believes no port that is none', async () => {
    const name = '_submission._tcp.example.org';
    const targets = targetsFor(srv, { ...zone, [name]: { SRV: ['0 1 0 a.example'] } });
    expect(await reasonOf(targets)).toBe(
      `the SRV record ${name} names no usable host; it must be mended in DNS`,
    );
  });

  it('has no record of an address', async () => {
    expect(await reasonOf(targetsFor({ ...srv, host: '192.0.2.1' }))).toMatch(/is no name/);
  });
});

describe('a failing target', () => {
  const zone = {
    'example.org': { MX: ['10 a.example', '20 b.example', '30 c.example'] },
    'a.example': { A: ['192.0.2.1'] },
    'b.example': { A: ['192.0.2.2'] },
    'c.example': { A: ['192.0.2.3'] },
  };
  const [A, B, C] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];

  async function three(): Promise<{ targets: Targets; fail(host: string | undefined): void; a: Target }> {
    const targets = targetsFor({ host: 'example.org', lookup: 'mx' }, zone);
    const all = await found(targets);
    const fail = (host: string | undefined): void => {
      for (const target of all) if (target.host === host) targets.failed({ ...target });
    };
    return { targets, fail, a: all[0] as Target };
  }

  it('goes behind the healthy ones for 5 seconds, then one connection tries it', async () => {
    const { targets, fail } = await three();
    fail(A);
    expect(await hostsOf(targets)).toEqual([B, C, A]);
    clock += 5 * SECOND - 1;
    expect(await hostsOf(targets)).toEqual([B, C, A]);
    clock += 1;
    expect(await hostsOf(targets)).toEqual([A, B, C]);
    expect(await hostsOf(targets)).toEqual([B, C, A]);
  });

  it('is tried again by another one where the first never told', async () => {
    const { targets, fail } = await three();
    fail(A);
    clock += 5 * SECOND;
    expect(await hostsOf(targets)).toEqual([A, B, C]);
    clock += 5 * SECOND;
    expect(await hostsOf(targets)).toEqual([A, B, C]);
  });

  it('rests twice as long each time, up to 5 minutes', async () => {
    const { targets, fail } = await three();
    const rests: number[] = [];
    for (let time = 0; time < 9; time += 1) {
      fail(A);
      const began = clock;
      // Steps of a second: what rests must not be asked for before.
      while ((await hostsOf(targets))[0] !== A) clock += SECOND;
      rests.push((clock - began) / SECOND);
    }
    expect(rests).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300]);
  });

  it('rests no longer because fifty connections broke with it', async () => {
    const { targets, fail } = await three();
    for (let time = 0; time < 50; time += 1) fail(A);
    clock += 5 * SECOND;
    expect(await hostsOf(targets)).toEqual([A, B, C]);
    for (let time = 0; time < 50; time += 1) fail(A);
    clock += 10 * SECOND;
    expect(await hostsOf(targets)).toEqual([A, B, C]);
  });

  it('is forgiven everything when it succeeds', async () => {
    const { targets, fail, a } = await three();
    fail(A);
    clock += 5 * SECOND;
    await hostsOf(targets);
    fail(A);
    targets.succeeded({ ...a });
    expect(await hostsOf(targets)).toEqual([A, B, C]);
    expect(await hostsOf(targets)).toEqual([A, B, C]);
    fail(A);
    clock += 5 * SECOND;
    expect(await hostsOf(targets)).toEqual([A, B, C]);
  });

  it('is returned all the same where all are failing, the oldest failure first', async () => {
    const { targets, fail } = await three();
    for (const host of [C, A, B]) {
      fail(host);
      clock += 10;
    }
    expect(await hostsOf(targets)).toEqual([C, A, B]);
    fail(C);
    expect(await hostsOf(targets)).toEqual([A, B, C]);
  });

  it('stays failing when DNS is asked anew', async () => {
    const { targets, fail } = await three();
    for (const wait of [0, 5, 10, 20, 40]) {
      clock += wait * SECOND;
      await hostsOf(targets);
      fail(A);
    }
    clock += MINUTE;
    expect(await hostsOf(targets)).toEqual([B, C, A]);
  });
});
