// A DNS server on loopback (RFC 1035) with a table for its zone: what a real resolver is asked, it answers, badly where told.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';

export interface NameServerRecord {
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'MX' | 'TXT' | 'SRV';
  /** Text as zone files have it: an address, `10 mx.example`, the text, `0 1 465 mail.example`. */
  readonly data: string;
}

export interface NameServer {
  /** `127.0.0.1:port` */
  readonly address: string;
  close(): Promise<void>;
}

const TYPES = { A: 1, MX: 15, TXT: 16, AAAA: 28, SRV: 33 };
const NO_SUCH_NAME = 3;
const FAILED = 2;

/** @param options.behaviour what every question gets in place of its answer */
export async function startNameServer(options: {
  records: readonly NameServerRecord[];
  behaviour?: 'silent' | 'fails' | 'garbage';
}): Promise<NameServer> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    if (options.behaviour === 'silent') return;
    const reply = options.behaviour === 'garbage' ? Buffer.alloc(20, 0xff) : answer(query, options);
    socket.send(reply, from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    address: `127.0.0.1:${socket.address().port}`,
    async close() {
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  };
}

function answer(query: Buffer, { records, behaviour }: Parameters<typeof startNameServer>[0]): Buffer {
  const labels: string[] = [];
  let at = 12;
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const question = query.subarray(12, at + 5);
  const type = query.readUInt16BE(at + 1);
  const name = labels.join('.').toLowerCase();
  const ofName = records.filter((record) => record.name === name);
  const found = behaviour === 'fails' ? [] : ofName.filter((record) => TYPES[record.type] === type);
  const code = behaviour === 'fails' ? FAILED : ofName.length === 0 ? NO_SUCH_NAME : 0;
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8580 | code, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(found.length, 6);
  return Buffer.concat([header, question, ...found.map((record) => resource(type, dataOf(record)))]);
}

function resource(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  // The name is the one of the question (RFC 1035 §4.1.4).
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(60, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function dataOf({ type, data }: NameServerRecord): Buffer {
  const words = data.split(' ');
  switch (type) {
    case 'A':
      return Buffer.from(data.split('.').map(Number));
    case 'AAAA':
      // Written out in full.
      return Buffer.from(data.replaceAll(':', ''), 'hex');
    case 'MX':
      return Buffer.concat([numbers(words.slice(0, 1)), nameOf(words[1] ?? '')]);
    case 'SRV':
      return Buffer.concat([numbers(words.slice(0, 3)), nameOf(words[3] ?? '')]);
    case 'TXT':
      return Buffer.concat(
        (data.match(/.{1,255}/gs) ?? ['']).map((part) =>
          Buffer.concat([Buffer.from([part.length]), Buffer.from(part, 'latin1')]),
        ),
      );
  }
}

function numbers(words: readonly string[]): Buffer {
  const buffer = Buffer.alloc(words.length * 2);
  for (const [index, word] of words.entries()) buffer.writeUInt16BE(Number(word), index * 2);
  return buffer;
}

function nameOf(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '');
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])),
    Buffer.from([0]),
  ]);
}
