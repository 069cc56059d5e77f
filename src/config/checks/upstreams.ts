// Checks of the upstream mail servers: each protected, named and reached soundly, and every route leads to one.

import { isIP } from 'node:net';
import { readDomainPattern } from '../../address.ts';
import { portOf, type UpstreamSettings } from '../../relay/settings.ts';
import { readCertificates, readPair } from '../../tls/pair.ts';
import { type Place, quote, spellPlace } from '../fault.ts';
import { isHostName, isLoopback, isWildcard } from '../hosts.ts';
import type { Settings } from '../schema.ts';
import type { Check, CheckInput } from './check.ts';
import { faultOfTimer } from './limits.ts';
import { checkUpstreamOAuth } from './upstream-oauth.ts';

interface Placed {
  readonly place: Place;
  readonly upstream: UpstreamSettings;
}

const TIMERS = [
  'maxWait',
  'idleTimeout',
  'connectTimeout',
  'replyTimeout',
  'finalReplyTimeout',
  'healthCheckInterval',
] as const;

const ROUTING = ['upstream', 'upstreams', 'routes'];

export const UPSTREAM_CHECKS: readonly Check[] = [
  { reads: ['upstream', 'upstreams'], run: checkThereIsOne },
  { reads: ['upstreams'], run: checkIds },
  { reads: [...ROUTING, 'submission.listeners'], run: checkRoutes },
  ofEach(['host', 'lookup'], checkHost),
  ofEach(['name'], (input, given) => checkName(input, given, 'name')),
  ofEach(['serverName'], (input, given) => checkName(input, given, 'serverName')),
  ofEach(['host', 'tls', 'login', 'oauth', 'clientCertificate'], checkProtection),
  ofEach(['tls', 'fingerprints', 'ca'], checkTrust),
  ofEach(['ca'], checkAuthorities),
  ofEach(['clientCertificate'], checkClientCertificate),
  ofEach(['login', 'oauth', 'clientCertificate'], checkOneLogin),
  ofEach(['oauth'], (input, { place, upstream: { oauth } }) => {
    if (oauth !== undefined) checkUpstreamOAuth(input, [...place, 'oauth'], oauth);
  }),
  ofEach(['host', 'port', 'lookup'], checkNoLoop, ['submission.listeners']),
  ...TIMERS.map((name) => ofEach([name], (input, given) => checkTimer(input, given, name))),
  ofEach(['maxConnections', 'maxConnectionsPerAccount', 'maxConnectionsPerUser'], checkShares),
];

export function upstreamsOf({ upstream, upstreams }: Settings): Placed[] {
  return [
    ...(upstream ? [{ place: ['upstream'], upstream }] : []),
    ...upstreams.map((each, index) => ({ place: ['upstreams', index], upstream: each })),
  ];
}

function ofEach(
  names: readonly (keyof UpstreamSettings)[],
  run: (input: CheckInput, given: Placed) => void,
  further: readonly string[] = [],
): Check {
  return {
    // With an unknown preset nobody knows what it would have filled in.
    reads: [...names.map((name) => `upstream.${name}`), 'upstream.preset', 'upstreams', ...further],
    run: (input) => {
      for (const given of upstreamsOf(input.settings)) run(input, given);
    },
  };
}

function checkThereIsOne({ settings, findings }: CheckInput): void {
  if (settings.upstream !== undefined || settings.upstreams.length > 0) return;
  findings.fault(['upstream'], 'is missing; name the mail server that mail is handed to in `upstream.host`');
}

function checkIds({ settings, findings }: CheckInput): void {
  const before = new Map<string, number>([['upstream', -1]]);
  settings.upstreams.forEach(({ id }, index) => {
    const other = before.get(id);
    if (other === undefined) {
      before.set(id, index);
      return;
    }
    const whose = other === -1 ? 'the `upstream` section' : `upstreams[${other}]`;
    findings.fault(['upstreams', index, 'id'], `${quote(id)} is taken by ${whose}; each needs its own`);
  });
}

function checkRoutes({ settings, findings }: CheckInput): void {
  const { routes, submission } = settings;
  const ids = [...(settings.upstream ? ['upstream'] : []), ...settings.upstreams.map(({ id }) => id)];
  const listeners = submission.listeners.flatMap(({ name }) => (name === undefined ? [] : [name]));
  routes.forEach(({ upstreams, ...conditions }, index) => {
    const place = ['routes', index];
    upstreams.forEach((id, at) => {
      if (ids.includes(id)) return;
      const known = ids.length > 0 ? `known are ${ids.join(', ')}` : 'give `upstreams` with an `id` each';
      findings.fault([...place, 'upstreams', at], `there is no upstream ${quote(id)}; ${known}`);
    });
    conditions.listeners?.forEach((name, at) => {
      if (listeners.includes(name)) return;
      findings.fault(
        [...place, 'listeners', at],
        `no listener has the name ${quote(name)}; give one of submission.listeners that \`name\``,
      );
    });
    conditions.senders?.forEach((sender, at) => {
      if (readDomainPattern(sender) !== undefined || /^[^@\s*]+@[^@\s*]+$/.test(sender)) return;
      findings.fault(
        [...place, 'senders', at],
        `${quote(sender)} is neither an address nor, for a whole domain, "*@example.org"`,
      );
    });
    if (Object.keys(conditions).length === 0 && index < routes.length - 1) {
      findings.danger(place, 'has no condition, so the routes behind it are never used');
    }
  });
}

function checkHost({ findings }: CheckInput, { place, upstream: { host, lookup } }: Placed): void {
  const name = lookup === 'srv' ? host.replace(/^_[a-z0-9-]+\._tcp\./i, '') : host;
  if (lookup !== 'address' && isIP(host) !== 0) {
    findings.fault([...place, 'lookup'], `${quote(host)} is an address; ${lookup} needs a domain`);
  } else if (!isHostName(name) && isIP(name) === 0) {
    findings.fault([...place, 'host'], noHostName(host));
  }
}

function checkName(
  { findings }: CheckInput,
  { place, upstream }: Placed,
  setting: 'name' | 'serverName',
): void {
  const name = upstream[setting];
  if (name === undefined || isHostName(name) || isIP(name) !== 0) return;
  findings.fault([...place, setting], noHostName(name));
}

function noHostName(name: string): string {
  const advice = /^[^:]+:[0-9]+$/.test(name) ? '; the port is a setting of its own' : '';
  return `${quote(name)} is not a host name such as "mail.example.org"${advice}`;
}

function checkProtection({ findings }: CheckInput, { place, upstream }: Placed): void {
  const { tls, host, lookup, login, oauth, clientCertificate } = upstream;
  const here = spellPlace(place);
  if (tls === 'none' && clientCertificate !== undefined) {
    findings.fault(
      [...place, 'clientCertificate'],
      `is never shown without TLS; set ${here}.tls to starttls or implicit`,
    );
  }
  if (isLoopback(host) && lookup === 'address') return;
  if (tls === 'none' || tls === 'opportunistic') {
    const secrets = [
      ['login', login, 'password'],
      ['oauth', oauth, 'token'],
    ] as const;
    for (const [name, given, what] of secrets) {
      if (given === undefined) continue;
      findings.fault(
        [...place, name],
        `would send its ${what} unprotected over the network; set ${here}.tls to starttls or implicit`,
      );
    }
  }
  if (tls === 'none') {
    findings.danger(
      [...place, 'tls'],
      `mail goes to ${host} unencrypted, readable and changeable on the way`,
    );
  } else if (tls === 'opportunistic') {
    findings.danger(
      [...place, 'tls'],
      `an attacker on the way to ${host} can have mail sent unencrypted, or to a server of its own`,
    );
  }
}

function checkTrust({ findings }: CheckInput, { place, upstream }: Placed): void {
  const { tls, fingerprints, ca } = upstream;
  if (fingerprints === undefined) return;
  if (tls === 'none' || tls === 'opportunistic') {
    findings.fault(
      [...place, 'fingerprints'],
      `mean nothing with tls: ${tls}; set it to starttls or implicit`,
    );
  } else if (ca !== undefined) {
    findings.fault(
      [...place, 'fingerprints'],
      'stand in for every other check, so `ca` is of no use; keep one',
    );
  }
}

function checkAuthorities({ findings, readFile }: CheckInput, { place, upstream: { ca } }: Placed): void {
  if (ca === undefined) return;
  const read = readCertificates(readFile(ca).content.toString('utf8'), ca);
  if (typeof read === 'string') findings.fault([...place, 'ca'], read);
}

function checkClientCertificate({ findings, readFile }: CheckInput, { place, upstream }: Placed): void {
  const files = upstream.clientCertificate;
  if (files === undefined) return;
  const at = [...place, 'clientCertificate'];
  const key = readFile(files.key);
  if ((key.mode & 0o004) !== 0) {
    findings.danger(
      [...at, 'key'],
      `everyone on this machine may read the private key ${files.key}; chmod o-r it`,
    );
  }
  const certificate = readFile(files.certificate).content.toString('utf8');
  const read = readPair({ certificate, key: key.content.toString('utf8') }, files);
  if (!('faults' in read)) return;
  for (const { concerns, message } of read.faults) findings.fault([...at, concerns], message);
}

function checkOneLogin({ findings }: CheckInput, { place, upstream }: Placed): void {
  const ways = [
    upstream.login && 'login',
    upstream.oauth && 'oauth',
    upstream.clientCertificate?.login && 'clientCertificate.login',
  ].filter((way) => way !== undefined && way !== false);
  const [first, second] = ways;
  if (first === undefined || second === undefined) return;
  findings.fault([...place, ...second.split('.')], `one way to sign in is enough, and there is ${first} too`);
}

function checkNoLoop({ settings, findings }: CheckInput, { place, upstream }: Placed): void {
  if (!isLoopback(upstream.host) || upstream.lookup !== 'address') return;
  settings.submission.listeners.forEach(({ listen }, index) => {
    if (listen.port !== portOf(upstream) || !(isLoopback(listen.host) || isWildcard(listen.host))) return;
    findings.fault(
      [...place, 'port'],
      `is where submission.listeners[${index}] listens: Postern would hand the mail to itself`,
    );
  });
}

function checkShares({ findings }: CheckInput, { place, upstream }: Placed): void {
  for (const name of ['maxConnectionsPerAccount', 'maxConnectionsPerUser'] as const) {
    const value = upstream[name];
    if (value === undefined || value <= upstream.maxConnections) continue;
    findings.fault(
      [...place, name],
      `is larger than maxConnections (${value} against ${upstream.maxConnections})`,
    );
  }
}

function checkTimer(
  { findings }: CheckInput,
  { place, upstream }: Placed,
  setting: (typeof TIMERS)[number],
): void {
  const fault = faultOfTimer(upstream[setting]);
  if (fault !== undefined) findings.fault([...place, setting], fault);
}
