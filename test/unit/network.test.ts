// The network noun: what an operator may write, and which peers are held by it in whatever form a socket tells them.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalPeer, clientNetwork, createNetworks, readNetwork } from '../../src/network.ts';

describe('readNetwork', () => {
  it.each([
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['10.1.2.3', '10.1.2.3/32'],
    ['10.1.2.3/32', '10.1.2.3/32'],
    ['10.1.2.2/31', '10.1.2.2/31'],
    ['128.0.0.0/1', '128.0.0.0/1'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['255.255.255.255', '255.255.255.255/32'],
    ['::/0', '::/0'],
    ['::', '::/128'],
    ['::1', '::1/128'],
    ['2001:DB8::/32', '2001:db8::/32'],
    ['2001:0db8:0:0:0:0:0:0/32', '2001:db8::/32'],
    ['2001:db8:0:8000::/49', '2001:db8:0:8000::/49'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0/128'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8/128'],
    ['fe80::/10', 'fe80::/10'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201/128'],
    ['64:ff9b::/96', '64:ff9b::/96'],
  ])('takes %s', (text, network) => {
    expect(readNetwork(text)).toEqual({ network });
  });

  it.each([
    ['10.1.2.3/8', 'write 10.0.0.0/8 for the network, or 10.1.2.3 for the one address'],
    ['10.1.2.3/31', 'write 10.1.2.2/31 for'],
    ['0.0.0.1/0', 'write 0.0.0.0/0 for'],
    ['2001:db8::1/32', 'write 2001:db8::/32 for the network, or 2001:db8::1 for the one address'],
    ['2001:db8:0:ffff::/49', 'write 2001:db8:0:8000::/49 for'],
    ['::ffff:10.0.0.0/104', 'IPv4 network in IPv6 form; write 10.0.0.0/8'],
    ['::ffff:a00:1', 'IPv4 network in IPv6 form; write 10.0.0.1/32'],
    ['::ffff:0:0/96', 'IPv4 network in IPv6 form; write 0.0.0.0/0'],
    ['10.0.0.0/33', 'a prefix of 33 bits; an IPv4 address has 32'],
    ['::/129', 'a prefix of 129 bits; an IPv6 address has 128'],
  ])('says what to write instead of %s', (text, advice) => {
    expect(readNetwork(text)).toEqual({ fault: expect.stringContaining(advice) });
  });

  it.each([
    '',
    'localhost',
    'example.org',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/255.0.0.0',
    '10.0.0.0-10.0.0.9',
    '10.0.0/8',
    '10/8',
    '010.0.0.0/8',
    '0x0a.0.0.0/8',
    '10.0.0.256',
    '10.0.0.1:587',
    ' 10.0.0.1',
    '10.0.0.1\n',
    '[::1]',
    ':::',
    '1:2:3:4:5:6:7',
    'fe80::1%eth0',
    '*',
  ])('says of %j that it is no network, and how one is written', (text) => {
    expect(readNetwork(text)).toEqual({
      fault: expect.stringMatching(/is not a network; write .*10\.0\.0\.0\/8/),
    });
  });
});

describe('networks', () => {
  const networks = createNetworks(['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', 'fe80::/10']);

  it('tells its canonical texts', () => {
    expect(networks.texts).toEqual(['10.0.0.0/8', '192.0.2.7/32', '2001:db8::/32', 'fe80::/10']);
  });

  it.each([
    '10.0.0.0',
    '10.255.255.255',
    '192.0.2.7',
    '::ffff:10.1.2.3',
    '::FFFF:0a01:0203',
    '0:0:0:0:0:ffff:10.1.2.3',
    '2001:db8::1',
    '2001:DB8:ffff:ffff:ffff:ffff:ffff:ffff',
    'fe80::1%eth0',
  ])('hold %s', (address) => {
    expect(networks.contains(address)).toBe(true);
  });

  it.each([
    '9.255.255.255',
    '11.0.0.0',
    '192.0.2.6',
    '::ffff:11.0.0.0',
    '::10.1.2.3',
    '::ffff:0:10.1.2.3',
    '2001:db9::',
    'fec0::1',
    '',
    'localhost',
    '10.0.0.1 ',
    '10.0.0.1%eth0',
    '10.0.0.0/8',
  ])('do not hold %j', (address) => {
    expect(networks.contains(address)).toBe(false);
  });

  // Trusting all of IPv6 must not trust the whole IPv4 internet along with it, nor the other way round.
  it('of one family hold no peer of the other', () => {
    const [all6, all4] = [createNetworks(['::/0']), createNetworks(['0.0.0.0/0'])];
    for (const address of ['10.0.0.1', '::ffff:10.0.0.1']) {
      expect([all6.contains(address), all4.contains(address)]).toEqual([false, true]);
    }
    for (const address of ['::1', '::', '2001:db8::1', '::ffff:0:10.0.0.1']) {
      expect([all6.contains(address), all4.contains(address)]).toEqual([true, false]);
    }
  });

  it('are empty without texts', () => {
    expect(createNetworks([]).contains('10.0.0.1')).toBe(false);
  });

  it('are not made of what is no network', () => {
    expect(() => createNetworks(['10.0.0.0/8', '10.1.2.3/8'])).toThrow('write 10.0.0.0/8');
  });
});

describe('canonicalPeer', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::FFFF:A00:1', '10.0.0.1'],
    ['::ffff:10.0.0.1%eth0', '10.0.0.1'],
    ['2001:0DB8:0:0::1', '2001:db8::1'],
    ['FE80::1%eth0', 'fe80::1'],
    ['::1', '::1'],
    ['', ''],
    ['not%an address', 'not%an address'],
  ])('of %j is %j', (address, peer) => {
    expect(canonicalPeer(address)).toBe(peer);
  });
});

describe('clientNetwork', () => {
  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::5', '2001:db8:1:2'],
    ['2001:db8::5', '2001:db8:0:0'],
    ['2001:db8::1:2:3:4', '2001:db8:0:0'],
    ['2001:db8:0:0:1::', '2001:db8:0:0'],
    ['2001:db8:1::', '2001:db8:1:0'],
    ['::1', '0:0:0:0'],
    ['::', '0:0:0:0'],
    ['1::', '1:0:0:0'],
    ['::1:2:3:4:5', '0:0:0:1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['FE80::1%eth0', 'fe80:0:0:0'],
    ['', ''],
  ])('%s → %s', (address, network) => {
    expect(clientNetwork(address)).toBe(network);
  });

  it('two addresses are of one network exactly where their first 64 bits are the same, however each is shortened', () => {
    const group = fc.constantFrom('0', '1', 'db8', 'ffff');
    const groups = fc.array(group, { minLength: 8, maxLength: 8 });
    /** RFC 5952 §4.2: the longest run of zeros is left out. */
    const short = (all: readonly string[]): string =>
      new URL(`http://[${all.join(':')}]`).hostname.slice(1, -1);
    fc.assert(
      fc.property(groups, groups, fc.boolean(), (one, other, shareFront) => {
        const second = shareFront ? [...one.slice(0, 4), ...other.slice(4)] : other;
        // Those are IPv4, see above.
        fc.pre(![one, second].some((all) => all.slice(0, 6).join() === '0,0,0,0,0,ffff'));
        const same = one.slice(0, 4).join() === second.slice(0, 4).join();
        expect(clientNetwork(short(one)) === clientNetwork(short(second))).toBe(same);
      }),
    );
  });
});
