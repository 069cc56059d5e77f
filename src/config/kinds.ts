// The text of a setting → its value: durations, addresses, paths, secrets (the kinds that setting.ts marks).

import { isIP, isIPv6 } from 'node:net';
import { resolve } from 'node:path';
import { readNetwork } from '../network.ts';
import { Secret, type SocketAddress } from '../setting.ts';
import { type Findings, type Place, quote, spellPlace } from './fault.ts';
import { type ReadFile, whyUnreadable } from './files.ts';
import type { SchemaNode } from './schema.ts';

/** What the texts of a file refer to. */
export interface Surroundings {
  /** Folder of the configuration file: paths in it are relative to this. */
  readonly folder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly readFile: ReadFile;
  /** The demo's secrets are published anyway: who may read their files says nothing. */
  readonly isDemo: boolean;
}

interface Text {
  readonly place: Place;
  readonly text: string;
  readonly surroundings: Surroundings;
  readonly findings: Findings;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const LONGEST = 36_500 * 86_400_000;

/**
 * Turns the marked texts of checked data into values, in a copy. Places for which `skip` says so are left as they are:
 * their shape is wrong and has been reported.
 */
export function convertKinds(given: {
  schema: SchemaNode;
  data: unknown;
  skip: (place: Place) => boolean;
  surroundings: Surroundings;
  findings: Findings;
}): unknown {
  const convert = (node: SchemaNode, data: unknown, place: Place): unknown => {
    if (data === undefined || given.skip(place)) return data;
    const context = { place, surroundings: given.surroundings, findings: given.findings };
    if (node['x-kind'] === 'secret') {
      const hasLines = node['x-lines'] === 'many';
      return toSecret({ ...context, hasLines, reference: data as { file?: string; env?: string } });
    }
    if (node['x-kind'] !== undefined) return fromText(node['x-kind'], { ...context, text: String(data) });
    if (Array.isArray(data)) {
      return data.map((item, index) => convert(node.items ?? {}, item, [...place, index]));
    }
    if (typeof data !== 'object' || data === null) return data;
    return Object.fromEntries(
      Object.entries(data).map(([name, value]) => [
        name,
        convert(node.properties?.[name] ?? {}, value, [...place, name]),
      ]),
    );
  };
  return convert(given.schema, given.data, []);
}

function fromText(kind: string, given: Text): unknown {
  switch (kind) {
    case 'duration':
      return toMilliseconds(given);
    case 'socket-address':
      return toSocketAddress(given);
    case 'network':
      return toNetwork(given);
    case 'existing-file':
      return toExistingFile(given);
    case 'writable-path':
      return resolve(given.surroundings.folder, given.text);
    default:
      throw new Error(`setting ${spellPlace(given.place)} is of an unknown kind ${kind}`);
  }
}

function toMilliseconds(given: Text): number {
  const [, amount = '', unit = ''] = /^([0-9]+)(ms|s|m|h|d)$/.exec(given.text) ?? [];
  const milliseconds = Number(amount) * (UNITS[unit] ?? Number.NaN);
  if (!(milliseconds <= LONGEST)) given.findings.fault(given.place, 'is longer than a hundred years');
  return milliseconds;
}

function toSocketAddress(given: Text): SocketAddress {
  const colon = given.text.lastIndexOf(':');
  const host = given.text.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  const port = Number(given.text.slice(colon + 1));
  if (port > 65_535) given.findings.fault(given.place, `port ${port} is out of range; 65535 is the highest`);
  if (given.text.startsWith('[') && !isIPv6(host)) {
    given.findings.fault(given.place, `${quote(host)} is not an IPv6 address`);
  } else if (/^[0-9.]+$/.test(host) && isIP(host) === 0) {
    given.findings.fault(given.place, `${quote(host)} is not an IPv4 address`);
  }
  // Every address: `::` takes IPv4 too, on every system Postern runs on.
  return { host: host === '' ? '::' : host, port };
}

function toNetwork(given: Text): string {
  const reading = readNetwork(given.text);
  if ('network' in reading) return reading.network;
  given.findings.fault(given.place, reading.fault);
  return given.text;
}

function toExistingFile(given: Text): string {
  const path = resolve(given.surroundings.folder, given.text);
  try {
    given.surroundings.readFile(path);
  } catch (error) {
    given.findings.fault(given.place, whyUnreadable(path, error));
  }
  return path;
}

type SecretReference = Omit<Text, 'text'> & {
  readonly reference: { file?: string; env?: string };
  /** Whether the secret may be of several lines: a key in PEM, a key file in JSON. */
  readonly hasLines: boolean;
};

function toSecret(given: SecretReference): Secret {
  const { reference, surroundings, findings, place } = given;
  if (reference.env !== undefined) {
    const value = surroundings.environment[reference.env];
    if (value === undefined) {
      findings.fault(place, `the environment variable ${quote(reference.env)} is not set`);
      return new Secret('');
    }
    return plausibleSecret({ value, from: `the environment variable ${quote(reference.env)}`, given });
  }
  const path = resolve(surroundings.folder, reference.file ?? '');
  try {
    const { content, mode } = surroundings.readFile(path);
    if ((mode & 0o004) !== 0 && !surroundings.isDemo) {
      findings.danger(place, `everyone on this machine may read ${path}; chmod o-r it`);
    }
    // An editor ends a file with a newline that is no part of the secret.
    const value = content.toString('utf8').replace(/\r?\n$/, '');
    return plausibleSecret({ value, from: path, given });
  } catch (error) {
    findings.fault(place, whyUnreadable(path, error));
    return new Secret('');
  }
}

function plausibleSecret(secret: { value: string; from: string; given: SecretReference }): Secret {
  const { findings, place, hasLines } = secret.given;
  if (secret.value === '') findings.fault(place, `${secret.from} is empty`);
  // A line break would end the SMTP or HTTP line the secret is sent in.
  else if (!hasLines && /[\u0000-\u001f\u007f]/.test(secret.value)) {
    findings.fault(place, `${secret.from} holds more than one line, or control characters`);
  }
  return new Secret(secret.value);
}
