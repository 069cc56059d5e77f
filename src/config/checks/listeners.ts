// Checks of who listens where and who is called: no address twice, no loop, nothing of the demo outside this machine.

import { isIP } from 'node:net';
import type { SocketAddress } from '../../setting.ts';
import { type Place, quote, spellPlace } from '../fault.ts';
import { isHostName, isLoopback, isWildcard } from '../hosts.ts';
import { type Settings, settingAt } from '../schema.ts';
import type { CheckInput } from './check.ts';

interface Listener {
  readonly place: Place;
  readonly address: SocketAddress;
}

export function checkDemo(input: CheckInput): void {
  if (input.settings.demo === undefined) return;
  input.findings.danger(
    ['demo'],
    'starts an identity provider whose passwords are published; never where real mail passes',
  );
  for (const { place, address } of listeners(input.settings)) {
    if (isLoopback(address.host)) continue;
    input.findings.fault(
      place,
      `must be on loopback (127.0.0.1) while there is a demo section: its passwords are published`,
    );
  }
}

export function checkAddressesInUse(input: CheckInput): void {
  const taken: Listener[] = [];
  for (const listener of listeners(input.settings)) {
    const other = taken.find(({ address }) => collide(address, listener.address));
    if (other === undefined) {
      taken.push(listener);
      continue;
    }
    input.findings.fault(
      listener.place,
      `port ${listener.address.port} is taken by ${spellPlace(other.place)} already`,
    );
  }
}

/** Settings that hold the name or address of a host, without a port. */
export const HOST_NAMES = ['submission.hostname', 'submission.header.authservId'] as const;

export function checkHostName(path: (typeof HOST_NAMES)[number]): (input: CheckInput) => void {
  return ({ settings, findings }) => {
    const name = settingAt(settings, path);
    if (typeof name !== 'string' || isHostName(name) || isIP(name) !== 0) return;
    const advice = /^[^:]+:[0-9]+$/.test(name) ? '; the port is a setting of its own' : '';
    findings.fault(path.split('.'), `${quote(name)} is not a host name such as "mail.example.org"${advice}`);
  };
}

function listeners(settings: Settings): Listener[] {
  const { submission, authorization, audit, demo } = settings;
  const listed: Listener[] = submission.listeners.map(({ listen }, index) => ({
    place: ['submission', 'listeners', index, 'listen'],
    address: listen,
  }));
  listed.push(
    { place: ['authorization', 'listen'], address: authorization.listen },
    { place: ['audit', 'listen'], address: audit.listen },
  );
  if (demo !== undefined) {
    listed.push(
      { place: ['demo', 'identityProvider'], address: demo.identityProvider },
      { place: ['demo', 'inbox'], address: demo.inbox },
    );
  }
  return listed;
}

/** Port 0 asks the system for any free port and collides with nothing. */
function collide(one: SocketAddress, other: SocketAddress): boolean {
  if (one.port !== other.port || one.port === 0) return false;
  return one.host === other.host || isWildcard(one.host) || isWildcard(other.host);
}
