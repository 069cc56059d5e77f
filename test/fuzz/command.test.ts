// Fuzzes the reading of commands: bytes in any cut give the same lines, paths never throw, and time stays bounded.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type MessageSink, WireStream } from '../../src/submission/message/wire.ts';
import { checkMailParameters, checkRecipientParameters } from '../../src/submission/parameters.ts';
import { readPath } from '../../src/submission/path.ts';

const seconds = Number(process.env['FUZZ_SECONDS'] ?? 2);
const bounded = { interruptAfterTimeLimit: seconds * 1000, numRuns: 100_000 };

const MAX_LINE = 24;

/** What the wire makes of the pieces: lines, faults, and messages after each `DATA`. */
async function read(pieces: readonly Buffer[]): Promise<string[]> {
  const seen: string[] = [];
  const wire = new WireStream();
  wire.maxLineBytes = MAX_LINE;
  wire.online = (line, done) => {
    seen.push(`line ${line.toString('latin1')}`);
    if (line.toString('latin1') === 'DATA') wire.startMessage(collector(seen));
    // Both ways of answering: at once and later.
    if (line.length % 2 === 0) done();
    else setImmediate(done);
  };
  wire.onfault = ({ kind, head }, done) => {
    seen.push(`${kind} ${head.toString('latin1')}`);
    done();
  };
  for (const piece of pieces) {
    await new Promise<void>((resolve, reject) =>
      wire.write(piece, (error) => (error ? reject(error) : resolve())),
    );
  }
  return seen;
}

function collector(seen: string[]): MessageSink {
  let text = '';
  return {
    push(bytes) {
      text += bytes.toString('latin1');
      return bytes.length % 2 === 0 ? undefined : new Promise((resolve) => setImmediate(resolve));
    },
    async end(last, scanner) {
      seen.push(`message ${text}${last.toString('latin1')} ${scanner.fault} ${scanner.stuffedDots}`);
    },
  };
}

const fragment = fc.constantFrom(
  'DATA\r\n',
  '\r\n.\r\n',
  '.\r\n',
  '\r\n',
  '\n',
  '\r',
  '.',
  'NOOP',
  'x',
  '\0',
  'é',
  'a'.repeat(30),
);
const text = fc.array(fragment, { maxLength: 16 }).map((parts) => Buffer.from(parts.join(''), 'latin1'));

test(
  'the cut of the bytes changes nothing',
  async () => {
    await fc.assert(
      fc.asyncProperty(text, fc.array(fc.nat(80), { maxLength: 5 }), async (bytes, at) => {
        const places = [...new Set(at.map((place) => Math.min(place, bytes.length)))].sort((a, b) => a - b);
        const pieces = [0, ...places].map((from, index) =>
          bytes.subarray(from, places[index] ?? bytes.length),
        );
        expect(await read(pieces)).toEqual(await read([bytes]));
      }),
      bounded,
    );
  },
  (seconds + 20) * 1000,
);

test(
  'a command is run only for a line that ends in CRLF and holds no other line end',
  async () => {
    await fc.assert(
      fc.asyncProperty(text, async (bytes) => {
        for (const entry of await read([bytes])) {
          if (!entry.startsWith('line ')) continue;
          expect(entry).not.toMatch(/[\r\n]/);
          expect(bytes.toString('latin1')).toContain(`${entry.slice(5)}\r\n`);
        }
      }),
      bounded,
    );
  },
  (seconds + 20) * 1000,
);

test(
  'MAIL and RCPT arguments never throw, and what is taken holds no control character',
  () => {
    const part = fc.constantFrom(
      '<',
      '>',
      '@',
      '"',
      '\\',
      ':',
      ' ',
      '=',
      '+',
      'a',
      'é',
      '\0',
      '\t',
      '[',
      ']',
      '.',
      'SIZE=1',
      'BODY=8BITMIME',
      'REQUIRETLS',
      'ENVID=',
      'AUTH=',
      'NOTIFY=',
      'ORCPT=rfc822;',
      '+2B',
    );
    const argument = fc.array(part, { maxLength: 40 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(fc.constantFrom('MAIL FROM', 'RCPT TO'), argument, (keyword, rest) => {
        const path = readPath(`${keyword}:${rest}`, keyword as 'MAIL FROM', 'any');
        if ('refused' in path) return;
        expect(JSON.stringify(path)).not.toMatch(/\\u00[01]|\\[bfnrt]/);
        checkMailParameters(path, { limit: 1000, secure: true });
        checkRecipientParameters(path, true);
      }),
      bounded,
    );
  },
  (seconds + 20) * 1000,
);
