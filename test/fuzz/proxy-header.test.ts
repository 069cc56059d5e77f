// Whatever bytes a connection begins with: the PROXY header's reader answers, in time, and reads what was written.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { canonicalPeer } from '../../src/network.ts';
import { MAX_HEADER_BYTES, readProxyHeader } from '../../src/port/proxy-header.ts';
import { tlv, v1, v2, v2Block } from '../unit/port/headers.ts';
import { effort, mutations, PATIENCE } from './seeds/seeds.ts';

const SEEDS = [
  'PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n',
  'PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n',
  'PROXY UNKNOWN\r\n',
  v2({ source: '192.0.2.1', checksum: true }).toString('latin1'),
  v2({ source: '2001:db8::1', extras: [tlv(4, Buffer.alloc(3))] }).toString('latin1'),
  v2Block({ versionAndCommand: 0x20, familyAndTransport: 0 }).toString('latin1'),
  v2Block({ familyAndTransport: 0x31, block: Buffer.alloc(216) }).toString('latin1'),
];
const input = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((octets) => Buffer.from(octets)),
  mutations(SEEDS).map((text) => Buffer.from(text, 'latin1')),
  fc
    .record({
      versionAndCommand: fc.constantFrom(0x20, 0x21),
      familyAndTransport: fc.constantFrom(0x00, 0x10, 0x11, 0x21, 0x31),
      block: fc.uint8Array({ maxLength: 300 }).map((octets) => Buffer.from(octets)),
    })
    .map(v2Block),
);

test(
  'no bytes make it throw, and what it says of them it says wherever they are cut',
  () => {
    fc.assert(
      fc.property(input, fc.uint8Array({ maxLength: 20 }), fc.nat(), (bytes, more, cut) => {
        const header = readProxyHeader(bytes);
        const longer = readProxyHeader(Buffer.concat([bytes, more]));
        const shorter = readProxyHeader(bytes.subarray(0, cut % (bytes.length + 1)));
        if (header.state === 'incomplete') {
          expect(bytes.length).toBeLessThan(MAX_HEADER_BYTES);
          expect(shorter.state).toBe('incomplete');
          return;
        }
        // Neither more bytes nor an earlier look change the answer.
        expect(longer).toEqual(header);
        if (shorter.state !== 'incomplete') expect(shorter).toEqual(header);
        if (header.state === 'fault') {
          expect(header.reason).toMatch(/^[ -~]+$/);
          return;
        }
        expect(header.length).toBeLessThanOrEqual(bytes.length);
        expect(header.length).toBeLessThanOrEqual(MAX_HEADER_BYTES);
        expect(readProxyHeader(bytes.subarray(0, header.length))).toEqual(header);
        expect(readProxyHeader(bytes.subarray(0, header.length - 1)).state).toBe('incomplete');
        if (!header.source) return;
        expect(canonicalPeer(header.source.address)).toBe(header.source.address);
        expect(header.source.address).toMatch(/^[0-9a-f:.]+$/);
      }),
      { ...effort<[Buffer, Uint8Array, number]>(20_000) },
    );
  },
  PATIENCE,
);

const port = fc.integer({ min: 0, max: 65_535 });
const ends = fc
  .oneof(fc.tuple(fc.ipV4(), fc.ipV4()), fc.tuple(fc.ipV6(), fc.ipV6()))
  .chain(([source, destination]) =>
    fc.record({
      source: fc.constant(source),
      destination: fc.constant(destination),
      sourcePort: port,
      destinationPort: port,
    }),
  );
const extras = fc.array(
  fc
    .tuple(fc.integer({ min: 4, max: 255 }), fc.uint8Array({ maxLength: 60 }))
    .map(([type, value]) => tlv(type, Buffer.from(value))),
  { maxLength: 6 },
);

test(
  'what a proxy wrote is what is read',
  () => {
    fc.assert(
      fc.property(
        ends,
        extras,
        fc.boolean(),
        fc.uint8Array({ maxLength: 9 }),
        (given, fields, checksum, more) => {
          const source = { address: canonicalPeer(given.source), port: given.sourcePort };
          for (const bytes of [v1(given), v2({ ...given, extras: fields, checksum })]) {
            expect(readProxyHeader(Buffer.concat([bytes, more]))).toEqual({
              state: 'done',
              length: bytes.length,
              source,
            });
          }
        },
      ),
      effort(4000),
    );
  },
  PATIENCE,
);

test(
  'a header with a checksum is refused when one bit of what it covers is another',
  () => {
    fc.assert(
      fc.property(ends, extras, fc.nat(), (given, fields, at) => {
        const bytes = v2({ ...given, extras: fields, checksum: true });
        // From the addresses on to the last field before the checksum's own; flips there cannot change the form.
        const bit = at % ((given.source.includes(':') ? 36 : 12) * 8);
        const octet = 16 + (bit >> 3);
        bytes.writeUInt8(bytes.readUInt8(octet) ^ (1 << (bit & 7)), octet);
        expect(readProxyHeader(bytes)).toEqual({
          state: 'fault',
          reason: expect.stringContaining('checksum'),
        });
      }),
      effort(3000),
    );
  },
  PATIENCE,
);
