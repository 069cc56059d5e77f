// Owns the reading of a PROXY protocol header, versions 1 and 2, from the first bytes of a connection.
// Clauses are those of HAProxy's doc/proxy-protocol.txt (2020/03/05).

import { isIPv4, isIPv6 } from 'node:net';
import { canonicalPeer } from '../network.ts';
import { crc32c } from './crc32c.ts';

/** Where the client's connection came from; IPv4 or IPv6, in the one form of {@link canonicalPeer}. */
export interface ProxySource {
  readonly address: string;
  readonly port: number;
}

export type ProxyHeader =
  /** More bytes can still make it a header; never said of more than {@link MAX_HEADER_BYTES}. */
  | { readonly state: 'incomplete' }
  /** No bytes can. The reason holds nothing of what the peer sent. */
  | { readonly state: 'fault'; readonly reason: string }
  /** The header is the first `length` bytes. No source: the proxy speaks for itself, or cannot say for whom. */
  | { readonly state: 'done'; readonly length: number; readonly source: ProxySource | undefined };

const V1_START = Buffer.from('PROXY ');
// §2.1: "a 108-byte buffer is always enough to store all the line and a trailing zero".
const MAX_V1_BYTES = 107;
const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_FIXED_BYTES = 16;
// §2 has all of it in 536 bytes; a proxy that adds what a client certificate says needs more.
const MAX_V2_BLOCK = 2048;
/** What a connection may make us keep before its header is whole. */
export const MAX_HEADER_BYTES = V2_FIXED_BYTES + MAX_V2_BLOCK;

// §2.2: the 14th byte's halves.
const FAMILY = { unspecified: 0, inet: 1, inet6: 2, unix: 3 };
const TRANSPORT = { unspecified: 0, stream: 1, datagram: 2 };
/** Bytes of both addresses and, but for UNIX, both ports. */
const ADDRESS_BYTES: Readonly<Record<number, number>> = { 1: 12, 2: 36, 3: 216 };
const TLV_CRC32C = 0x03;

/** Reads the header at the start of `bytes`; what follows it is not looked at. Never throws. */
export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (beginAlike(bytes, V1_START)) return readV1(bytes);
  if (beginAlike(bytes, V2_SIGNATURE)) return readV2(bytes);
  return fault('no PROXY header');
}

/** Whether a connection that should bear no header begins with one; asks for 12 bytes, or the 6 of version 1. */
export function looksLikeProxyHeader(bytes: Buffer): boolean {
  return [V1_START, V2_SIGNATURE].some((start) => bytes.length >= start.length && beginAlike(bytes, start));
}

/** §2.1 */
function readV1(bytes: Buffer): ProxyHeader {
  const window = bytes.subarray(0, MAX_V1_BYTES);
  const end = window.findIndex((octet) => octet === 0x0d || octet === 0x0a);
  if (end === -1) {
    return window.length < MAX_V1_BYTES
      ? { state: 'incomplete' }
      : fault('a version 1 line that is too long');
  }
  // "must not tolerate a single CR or LF character to end the line"
  if (window[end] !== 0x0d || (end + 1 < window.length && window[end + 1] !== 0x0a)) {
    return fault('a version 1 line that does not end in CR LF');
  }
  if (end + 1 === window.length) {
    return window.length < MAX_V1_BYTES
      ? { state: 'incomplete' }
      : fault('a version 1 line that is too long');
  }
  const length = end + 2;
  const [, protocol, ...fields] = window.toString('latin1', 0, end).split(' ');
  // "the receiver must ignore anything presented before the CRLF"
  if (protocol === 'UNKNOWN') return { state: 'done', length, source: undefined };
  const [source = '', destination = '', sourcePort = '', destinationPort = '', ...more] = fields;
  const isAddress = protocol === 'TCP4' ? isIPv4 : protocol === 'TCP6' ? isUnzonedIPv6 : undefined;
  if (!isAddress) return fault('a version 1 line of an unknown protocol');
  if (!isAddress(source) || !isAddress(destination)) return fault('a version 1 line with a broken address');
  if (!isPort(sourcePort) || !isPort(destinationPort)) return fault('a version 1 line with a broken port');
  if (more.length > 0) return fault('a version 1 line with too many fields');
  return { state: 'done', length, source: { address: canonicalPeer(source), port: Number(sourcePort) } };
}

/** §2.2 */
function readV2(bytes: Buffer): ProxyHeader {
  const [versionAndCommand, familyAndTransport] = bytes.subarray(V2_SIGNATURE.length);
  if (versionAndCommand === undefined) return { state: 'incomplete' };
  if (versionAndCommand >> 4 !== 2) return fault('a header of an unknown version');
  const command = versionAndCommand & 0xf;
  if (command > 1) return fault('a version 2 header with an unknown command');
  if (familyAndTransport === undefined) return { state: 'incomplete' };
  const [family, transport] = [familyAndTransport >> 4, familyAndTransport & 0xf];
  // LOCAL: "discard the protocol block including the family which is ignored".
  const isLocal = command === 0;
  if (!isLocal) {
    if (family > FAMILY.unix) return fault('a version 2 header of an unknown address family');
    if (transport > TRANSPORT.datagram) return fault('a version 2 header of an unknown transport');
    // "free to accept the connection anyway … or to reject it": no mail client comes over UDP.
    if (transport === TRANSPORT.datagram) return fault('a version 2 header for datagrams');
  }
  if (bytes.length < V2_FIXED_BYTES) return { state: 'incomplete' };
  const blockLength = bytes.readUInt16BE(14);
  if (blockLength > MAX_V2_BLOCK) return fault('a version 2 header that is too long');
  const length = V2_FIXED_BYTES + blockLength;
  if (!isLocal && blockLength < addressBytes(family, transport)) {
    return fault('a version 2 header too short for its addresses');
  }
  // "must not start to parse an address before the whole address block is received"
  if (bytes.length < length) return { state: 'incomplete' };
  const header = bytes.subarray(0, length);
  // UNSPEC: "should ignore address information"; where the addresses end and more begins is then not told either.
  if (isLocal || addressBytes(family, transport) === 0) return { state: 'done', length, source: undefined };
  const wrong = faultOfExtras(header, V2_FIXED_BYTES + addressBytes(family, transport));
  if (wrong !== undefined) return fault(wrong);
  return { state: 'done', length, source: family === FAMILY.unix ? undefined : sourceOf(header, family) };
}

function addressBytes(family: number, transport: number): number {
  return transport === TRANSPORT.unspecified ? 0 : (ADDRESS_BYTES[family] ?? 0);
}

function sourceOf(header: Buffer, family: number): ProxySource {
  const block = header.subarray(V2_FIXED_BYTES);
  if (family === FAMILY.inet) return { address: block.subarray(0, 4).join('.'), port: block.readUInt16BE(8) };
  const groups = Array.from({ length: 8 }, (_, index) => block.readUInt16BE(index * 2).toString(16));
  return { address: canonicalPeer(groups.join(':')), port: block.readUInt16BE(32) };
}

/** The type-length-value fields after the addresses: they must fill the header exactly, and its checksum must fit. */
function faultOfExtras(header: Buffer, from: number): string | undefined {
  for (let at = from; at < header.length; ) {
    if (header.length - at < 3) return 'a version 2 header with a field cut off';
    const valueAt = at + 3;
    const next = valueAt + header.readUInt16BE(at + 1);
    if (next > header.length) return 'a version 2 header with a field cut off';
    if (header[at] === TLV_CRC32C) {
      if (next - valueAt !== 4) return 'a version 2 header with a broken checksum field';
      if (!isChecksumOf(header, valueAt)) return 'a version 2 header whose checksum does not fit';
    }
    at = next;
  }
  return undefined;
}

/** §2.2.3: over the whole header, the checksum's own four bytes as zeros. */
function isChecksumOf(header: Buffer, at: number): boolean {
  const zeroed = Buffer.from(header).fill(0, at, at + 4);
  return crc32c(zeroed) === header.readUInt32BE(at);
}

function isUnzonedIPv6(text: string): boolean {
  return isIPv6(text) && !text.includes('%');
}

function isPort(text: string): boolean {
  return /^(0|[1-9][0-9]{0,4})$/.test(text) && Number(text) <= 65_535;
}

/** As far as the shorter of the two goes. */
function beginAlike(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.compare(start, 0, length, 0, length) === 0;
}

function fault(reason: string): ProxyHeader {
  return { state: 'fault', reason };
}
