// PROXY headers as the specification writes them, and as no proxy would; clauses of HAProxy's doc/proxy-protocol.txt.

import { describe, expect, it } from 'vitest';
import { crc32c } from '../../../src/port/crc32c.ts';
import { looksLikeProxyHeader, MAX_HEADER_BYTES, readProxyHeader } from '../../../src/port/proxy-header.ts';
import { SIGNATURE, tlv, v1, v2, v2Block } from './headers.ts';

const text = (line: string) => Buffer.from(line, 'latin1');
const done = (bytes: Buffer, source?: { address: string; port: number }) => ({
  state: 'done',
  length: bytes.length,
  source,
});
const LONG6 = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff';
const UNIX = Buffer.alloc(216, '/run/client');
const CRC_OF_NINE_DIGITS = 0xe3069283;

const GOOD: [string, Buffer, { address: string; port: number } | undefined][] = [
  [
    'the example of §2.1',
    text('PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n'),
    { address: '192.168.0.1', port: 56324 },
  ],
  [
    'the longest TCP4 line',
    text('PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n'),
    { address: '255.255.255.255', port: 65535 },
  ],
  [
    'the longest TCP6 line',
    text(`PROXY TCP6 ${LONG6} ${LONG6} 65535 65535\r\n`),
    { address: LONG6, port: 65535 },
  ],
  ['the lowest ports', text('PROXY TCP4 192.0.2.1 192.0.2.2 0 0\r\n'), { address: '192.0.2.1', port: 0 }],
  [
    'TCP6 in capitals',
    text('PROXY TCP6 2001:DB8::A 2001:DB8::B 1 2\r\n'),
    { address: '2001:db8::a', port: 1 },
  ],
  [
    'TCP6 with an IPv4 client of a dual-stack proxy',
    text('PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n'),
    { address: '192.0.2.1', port: 1 },
  ],
  ['the short UNKNOWN', text('PROXY UNKNOWN\r\n'), undefined],
  ['the longest UNKNOWN', text(`PROXY UNKNOWN ${LONG6} ${LONG6} 65535 65535\r\n`), undefined],
  ['UNKNOWN with anything behind it', text('PROXY UNKNOWN \0 \xff?\r\n'), undefined],
  ['v2 over IPv4', v2({ source: '192.0.2.1', sourcePort: 65535 }), { address: '192.0.2.1', port: 65535 }],
  ['v2 over IPv6', v2({ source: '2001:db8::1', sourcePort: 258 }), { address: '2001:db8::1', port: 258 }],
  [
    'v2 over IPv6, mapped',
    v2({ source: '::ffff:192.0.2.1', sourcePort: 1 }),
    { address: '192.0.2.1', port: 1 },
  ],
  [
    'v2 with fields nobody knows',
    v2({
      source: '192.0.2.1',
      sourcePort: 9,
      extras: [tlv(0xea, Buffer.from('vpce')), tlv(0x04, Buffer.alloc(0))],
    }),
    { address: '192.0.2.1', port: 9 },
  ],
  [
    'v2 with its checksum',
    v2({
      source: '2001:db8::1',
      sourcePort: 9,
      extras: [tlv(0x02, Buffer.from('mail.example.org'))],
      checksum: true,
    }),
    { address: '2001:db8::1', port: 9 },
  ],
  [
    'v2 as long as we read',
    v2({ source: '192.0.2.1', sourcePort: 9, extras: [tlv(0x04, Buffer.alloc(2048 - 12 - 3))] }),
    { address: '192.0.2.1', port: 9 },
  ],
  [
    'v2 as HAProxy 2.6 writes it, with checksum and unique id',
    Buffer.from(
      '0d0a0d0a000d0a515549540a211100317f0000017f000001bd687154030004f9d13edb05001b37463030303030313a424436385f36423032323038355f30303030',
      'hex',
    ),
    { address: '127.0.0.1', port: 48488 },
  ],
  ['v2 LOCAL', v2Block({ versionAndCommand: 0x20, familyAndTransport: 0 }), undefined],
  [
    'v2 LOCAL, whatever family and addresses it says',
    v2Block({ versionAndCommand: 0x20, familyAndTransport: 0xff, block: Buffer.alloc(5, 0xee) }),
    undefined,
  ],
  [
    'v2 LOCAL, with addresses that are nobody’s',
    v2Block({ versionAndCommand: 0x20, familyAndTransport: 0x11, block: Buffer.alloc(12, 0xee) }),
    undefined,
  ],
  ['v2 of no family', v2Block({ familyAndTransport: 0, block: Buffer.alloc(7, 1) }), undefined],
  ['v2 of IPv4 and no transport', v2Block({ familyAndTransport: 0x10 }), undefined],
  ['v2 over a UNIX socket', v2Block({ familyAndTransport: 0x31, block: UNIX }), undefined],
];

describe.each(GOOD)('%s', (_, bytes, source) => {
  it('is read', () => {
    expect(readProxyHeader(bytes)).toEqual(done(bytes, source));
  });

  it('is incomplete wherever it is cut, which says no more than that', () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(readProxyHeader(bytes.subarray(0, length)), `${length} bytes`).toEqual({ state: 'incomplete' });
    }
  });

  it.each(['\r\n', '\n', '\0', 'EHLO x\r\n', 'x'.repeat(70_000)])('leaves what follows alone', (more) => {
    expect(readProxyHeader(Buffer.concat([bytes, text(more)]))).toEqual(done(bytes, source));
  });

  it('is known for what it is', () => {
    expect(looksLikeProxyHeader(bytes)).toBe(true);
  });
});

const corrupted = v2({ source: '192.0.2.1', checksum: true });
corrupted.writeUInt8(2, 19);
const twoChecksums = v2({ source: '192.0.2.1', extras: [tlv(0x03, Buffer.alloc(4))], checksum: true });

describe('a fault', () => {
  const V1: [string, string][] = [
    ['HTTP', 'GET / HTTP/1.1\r\n'],
    ['SMTP', 'EHLO client.example.org\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01'],
    ['lower case', 'proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n'],
    ['a blank before', ' PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n'],
    ['two blanks', 'PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n'],
    ['two blanks further on', 'PROXY TCP4 192.0.2.1  192.0.2.2 1 2\r\n'],
    ['a blank at the end', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n'],
    ['a tab', 'PROXY TCP4\t192.0.2.1 192.0.2.2 1 2\r\n'],
    ['only LF', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\n'],
    ['only CR', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\rEHLO'],
    ['CR CR LF', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\r\n'],
    ['an LF within UNKNOWN', 'PROXY UNKNOWN a\nb\r\n'],
    ['nothing but its name', 'PROXY \r\n'],
    ['an unknown protocol', 'PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n'],
    ['a protocol of objects', 'PROXY constructor 192.0.2.1 192.0.2.2 1 2\r\n'],
    ['more than UNKNOWN', 'PROXY UNKNOWNS\r\n'],
    ['the other family', 'PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n'],
    ['IPv4 in TCP6', 'PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n'],
    ['two families', 'PROXY TCP4 192.0.2.1 2001:db8::2 1 2\r\n'],
    ['a heading zero', 'PROXY TCP4 192.0.02.1 192.0.2.2 1 2\r\n'],
    ['a name', 'PROXY TCP4 localhost 192.0.2.2 1 2\r\n'],
    ['a short address', 'PROXY TCP4 192.0.2 192.0.2.2 1 2\r\n'],
    ['a zone', 'PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n'],
    ['a broken destination', 'PROXY TCP4 192.0.2.1 192.0.2.256 1 2\r\n'],
    ['no ports', 'PROXY TCP4 192.0.2.1 192.0.2.2\r\n'],
    ['one port', 'PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n'],
    ['three ports', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n'],
    ['a port beyond the highest', 'PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n'],
    ['a second port beyond the highest', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n'],
    ['a port with a zero', 'PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n'],
    ['a port with a sign', 'PROXY TCP4 192.0.2.1 192.0.2.2 +1 2\r\n'],
    ['a hexadecimal port', 'PROXY TCP4 192.0.2.1 192.0.2.2 0x1 2\r\n'],
    ['a line of 108 bytes', `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`],
    ['107 bytes and no end', `PROXY UNKNOWN ${'x'.repeat(93)}`],
    ['107 bytes and half an end', `PROXY UNKNOWN ${'x'.repeat(92)}\r`],
    ['v1 of nothing else', 'PROXY\r\n'],
  ];
  const V2: [string, Buffer][] = [
    ['version 1', v2Block({ versionAndCommand: 0x11 })],
    ['version 3', v2Block({ versionAndCommand: 0x31 })],
    ['command 2', v2Block({ versionAndCommand: 0x22 })],
    ['command 15', v2Block({ versionAndCommand: 0x2f })],
    ['family 4', v2Block({ familyAndTransport: 0x41, block: Buffer.alloc(300) })],
    ['transport 3', v2Block({ familyAndTransport: 0x13, block: Buffer.alloc(12) })],
    ['UDP over IPv4', v2Block({ familyAndTransport: 0x12, block: Buffer.alloc(12) })],
    ['UDP over IPv6', v2Block({ familyAndTransport: 0x22, block: Buffer.alloc(36) })],
    ['UNIX datagrams', v2Block({ familyAndTransport: 0x32, block: UNIX })],
    ['no room for IPv4', v2Block({ familyAndTransport: 0x11, block: Buffer.alloc(11) })],
    ['no room for IPv6', v2Block({ familyAndTransport: 0x21, block: Buffer.alloc(35) })],
    ['no room for UNIX', v2Block({ familyAndTransport: 0x31, block: UNIX.subarray(1) })],
    ['a length beyond what we read', v2Block({ length: 2049 })],
    ['the greatest length', v2Block({ length: 65_535 })],
    ['a field of two bytes', v2({ source: '192.0.2.1', extras: [Buffer.alloc(2)] })],
    ['a field cut off', v2({ source: '192.0.2.1', extras: [tlv(0x04, Buffer.alloc(9)).subarray(0, 11)] })],
    [
      'a field cut off on UNIX',
      v2Block({ familyAndTransport: 0x31, block: Buffer.concat([UNIX, Buffer.from([4])]) }),
    ],
    ['a checksum that does not fit', corrupted],
    ['a checksum of three bytes', v2({ source: '192.0.2.1', extras: [tlv(0x03, Buffer.alloc(3))] })],
    ['a checksum of zeros', v2({ source: '192.0.2.1', extras: [tlv(0x03, Buffer.alloc(4))] })],
    ['two checksums', twoChecksums],
    ['a broken signature', Buffer.concat([SIGNATURE.subarray(0, 11), Buffer.from('\r'), Buffer.alloc(20)])],
  ];
  it.each([...V1.map(([name, line]): [string, Buffer] => [name, text(line)]), ...V2])('is %s', (_, bytes) => {
    expect(readProxyHeader(bytes)).toEqual({ state: 'fault', reason: expect.stringMatching(/^[ -~]+$/) });
  });

  it('is told at once, not when the rest has come', () => {
    const early = [
      text('PROXY TCP4 1\n'),
      text('PRX'),
      v2Block({ versionAndCommand: 0x31 }).subarray(0, 13),
      v2Block({ versionAndCommand: 0x22 }).subarray(0, 13),
      v2Block({ familyAndTransport: 0x12 }).subarray(0, 14),
      v2Block({ length: 2049 }),
      v2Block({ length: 11 }),
    ];
    for (const bytes of early) expect(readProxyHeader(bytes).state).toBe('fault');
  });
});

it('waits for no more bytes than it says', () => {
  expect(readProxyHeader(v2Block({ length: 2048 })).state).toBe('incomplete');
  expect(MAX_HEADER_BYTES).toBe(16 + 2048);
});

it.each(['', 'PROXY', 'proxy TCP4', 'EHLO PROXY ', '\r\n\r\n\0\r\nQUIT', 'QUIT\r\n', '\r\n\r\n'])(
  '%j does not look like a header',
  (line) => {
    expect(looksLikeProxyHeader(text(line))).toBe(false);
  },
);

// RFC 3720 Appendix B.4, and the check value of CRC-32C.
it.each([
  ['123456789', CRC_OF_NINE_DIGITS],
  ['', 0],
  ['\0'.repeat(32), 0x8a9136aa],
  ['\xff'.repeat(32), 0x62a8ab43],
])('crc32c of %j', (bytes, sum) => {
  expect(crc32c(text(bytes))).toBe(sum);
});

it('writes and reads the same ends', () => {
  for (const source of ['192.0.2.1', '2001:db8::1']) {
    for (const bytes of [v1({ source }), v2({ source })]) {
      expect(readProxyHeader(bytes)).toEqual(done(bytes, { address: source, port: 56324 }));
    }
  }
});
