// PROXY headers as a proxy writes them, for the tests of those who read them.

import { SocketAddress } from 'node:net';
import { crc32c } from '../../../src/port/crc32c.ts';

export const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

export interface Ends {
  readonly source: string;
  readonly destination?: string;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
}

export function v1(ends: Ends): Buffer {
  const { source, sourcePort = 56324, destinationPort = 587 } = ends;
  const isV6 = source.includes(':');
  const destination = ends.destination ?? (isV6 ? '2001:db8::2' : '192.0.2.2');
  return Buffer.from(
    `PROXY ${isV6 ? 'TCP6' : 'TCP4'} ${source} ${destination} ${sourcePort} ${destinationPort}\r\n`,
  );
}

export function v2(ends: Ends & { extras?: readonly Buffer[]; checksum?: boolean }): Buffer {
  const isV6 = ends.source.includes(':');
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(ends.sourcePort ?? 56324, 0);
  ports.writeUInt16BE(ends.destinationPort ?? 587, 2);
  const destination = ends.destination ?? (isV6 ? '2001:db8::2' : '192.0.2.2');
  const block = [octets(ends.source), octets(destination), ports, ...(ends.extras ?? [])];
  const familyAndTransport = isV6 ? 0x21 : 0x11;
  if (!ends.checksum) return v2Block({ familyAndTransport, block: Buffer.concat(block) });
  const header = v2Block({
    familyAndTransport,
    block: Buffer.concat([...block, tlv(0x03, Buffer.alloc(4))]),
  });
  header.writeUInt32BE(crc32c(header), header.length - 4);
  return header;
}

export function v2Block(given: {
  versionAndCommand?: number;
  familyAndTransport?: number;
  block?: Buffer;
  length?: number;
}): Buffer {
  const { versionAndCommand = 0x21, familyAndTransport = 0x11, block = Buffer.alloc(0) } = given;
  const rest = Buffer.alloc(4);
  rest.writeUInt8(versionAndCommand, 0);
  rest.writeUInt8(familyAndTransport, 1);
  rest.writeUInt16BE(given.length ?? block.length, 2);
  return Buffer.concat([SIGNATURE, rest, block]);
}

export function tlv(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(3);
  head.writeUInt8(type, 0);
  head.writeUInt16BE(value.length, 1);
  return Buffer.concat([head, value]);
}

function octets(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number));
  const text = new SocketAddress({ address, family: 'ipv6' }).address.replace(
    /([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)$/,
    (_, ...parts: string[]) => {
      const [a = 0, b = 0, c = 0, d = 0] = parts.map(Number);
      return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
    },
  );
  const [left = [], right = []] = text.split('::').map((half) => half.split(':').filter(Boolean));
  const groups = [...left, ...new Array(8 - left.length - right.length).fill('0'), ...right];
  return Buffer.from(groups.map((group) => String(group).padStart(4, '0')).join(''), 'hex');
}
