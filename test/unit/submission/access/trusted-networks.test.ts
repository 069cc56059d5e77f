// Which entry a server belongs to, as whom it sends, and how much in a minute.

import { expect, test } from 'vitest';
import { TrustedNetworks } from '../../../../src/submission/access/trusted-networks.ts';
import type { TrustedNetworkSettings } from '../../../../src/submission/listener-settings.ts';

function entry(changes: Partial<TrustedNetworkSettings> = {}): TrustedNetworkSettings {
  return {
    name: 'scanners',
    networks: ['192.0.2.0/28'],
    sendAs: ['scanner@example.org'],
    maxConnections: 20,
    maxMessagesPerMinute: 3,
    maxRecipients: 100,
    ...changes,
  };
}

const names = (networks: TrustedNetworks, address: string) => networks.find(address)?.settings.name;

test.each([
  ['192.0.2.0', 'scanners'],
  ['192.0.2.15', 'scanners'],
  ['::ffff:192.0.2.15', 'scanners'],
  ['192.0.2.16', undefined],
  ['192.0.1.255', undefined],
  ['2001:db8:1::5', 'printers'],
  ['2001:db8:2::5', undefined],
  ['::1', undefined],
  ['', undefined],
  ['scanners', undefined],
])('%s is of %s', (address, name) => {
  const networks = new TrustedNetworks([entry(), entry({ name: 'printers', networks: ['2001:db8:1::/48'] })]);
  expect(names(networks, address)).toBe(name);
});

test('the first entry that holds the address counts', () => {
  const narrow = entry({ name: 'narrow', networks: ['10.0.0.7/32', '10.1.0.0/16'] });
  const wide = entry({ name: 'wide', networks: ['10.0.0.0/8'] });
  expect(names(new TrustedNetworks([narrow, wide]), '10.1.2.3')).toBe('narrow');
  expect(names(new TrustedNetworks([narrow, wide]), '10.2.2.3')).toBe('wide');
  expect(names(new TrustedNetworks([wide, narrow]), '10.1.2.3')).toBe('wide');
});

test('without an entry nobody is trusted', () => {
  const networks = new TrustedNetworks([]);
  for (const address of ['127.0.0.1', '::1', '10.0.0.1', '']) expect(networks.find(address)).toBeUndefined();
});

test('its servers send as the entry says', () => {
  const networks = new TrustedNetworks([entry({ sendAs: ['scanner@example.org', '*@print.example.org'] })]);
  expect(networks.find('192.0.2.1')?.principal).toMatchObject({
    issuer: 'trusted-network',
    subject: 'scanners',
    addresses: ['scanner@example.org'],
    domains: ['print.example.org'],
  });
});

test('a minute’s worth at once, then as many as the minute fills in again; each entry by itself', () => {
  const clock = { now: 0 };
  const networks = new TrustedNetworks(
    [entry(), entry({ name: 'printers', networks: ['192.0.2.16/28'] })],
    () => clock.now,
  );
  const take = (count: number, address = '192.0.2.1') =>
    Array.from({ length: count }, () => networks.find(address)?.admitsMessage());
  expect(take(5)).toEqual([true, true, true, false, false]);
  // The same allowance for all of its servers, and another for the others'.
  expect(take(1, '192.0.2.2')).toEqual([false]);
  expect(take(1, '192.0.2.17')).toEqual([true]);
  clock.now += 19_000;
  expect(take(1)).toEqual([false]);
  clock.now += 2_000;
  expect(take(2)).toEqual([true, false]);
  // What was not used does not pile up.
  clock.now += 3_600_000;
  expect(take(5)).toEqual([true, true, true, false, false]);
});
