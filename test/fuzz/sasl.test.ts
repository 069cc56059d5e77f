// Whatever bytes a client sends: SASL answers, in order and in time, and reads back exactly what was written.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isRefusal, refuse } from '../../src/refusal.ts';
import { decodeBase64 } from '../../src/sasl/base64.ts';
import { type SaslExchange, type SaslStep, startExchange } from '../../src/sasl/exchange.ts';
import { parseOauthBearer } from '../../src/sasl/oauthbearer.ts';
import { parseXoauth2 } from '../../src/sasl/xoauth2.ts';
import { processorTime } from '../support/processor-time.ts';
import { alice } from '../unit/policy/principals.ts';
import { effort, mutations, PATIENCE, readSeeds } from './seeds/seeds.ts';

const seeds = readSeeds('sasl');
const message = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((octets) => Buffer.from(octets)),
  mutations(seeds).map((text) => Buffer.from(text, 'utf8')),
);
const mechanism = fc.constantFrom('OAUTHBEARER' as const, 'XOAUTH2' as const);
const token = fc.stringMatching(/^[A-Za-z0-9\-._~+/]{1,80}={0,2}$/);
const userName = fc
  .string({ minLength: 1, maxLength: 60, unit: 'grapheme' })
  .map((name) => name.normalize('NFC'))
  .filter((name) => !/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(name));
const host = fc.option(fc.domain(), { nil: undefined });
const port = fc.option(fc.integer({ min: 1, max: 65535 }), { nil: undefined });
const ignored = fc.array(
  fc.tuple(fc.stringMatching(/^x[a-z]{0,5}$/), fc.stringMatching(/^[ -~\t\r\n]{0,20}$/)),
  {
    maxLength: 3,
  },
);

test(
  'no message makes a parser throw; what is read is clean',
  () => {
    fc.assert(
      fc.property(message, (octets) => {
        for (const parse of [parseOauthBearer, parseXoauth2]) {
          const answer = parse(octets);
          if (isRefusal(answer)) {
            expect(answer.reason).toMatch(/^\P{Cc}+$/u);
            continue;
          }
          expect(answer.token ?? 't').toMatch(/^[A-Za-z0-9\-._~+/]+=*$/);
          expect(answer.userName ?? 'u').toMatch(/^[^\p{Cc}\p{Bidi_Control}]{1,255}$/u);
          expect(answer.port ?? 1).toBeGreaterThan(0);
        }
      }),
      { ...effort<[Buffer]>(20_000), examples: seeds.map((seed): [Buffer] => [Buffer.from(seed, 'utf8')]) },
    );
  },
  PATIENCE,
);

test(
  'OAUTHBEARER: what was written is what is read',
  () => {
    fc.assert(
      fc.property(token, userName, host, port, ignored, (written, name, at, on, others) => {
        const pairs = [
          ...others,
          ...(at === undefined ? [] : [['host', at]]),
          ...(on === undefined ? [] : [['port', String(on)]]),
          ['auth', `Bearer ${written}`],
        ];
        const escaped = name.replaceAll('=', '=3D').replaceAll(',', '=2C');
        const text = `n,a=${escaped},\x01${pairs.map(([key, value]) => `${key}=${value}\x01`).join('')}\x01`;
        expect(parseOauthBearer(Buffer.from(text))).toEqual({
          token: written,
          userName: name,
          host: at,
          port: on,
        });
      }),
      effort(3000),
    );
  },
  PATIENCE,
);

test(
  'XOAUTH2: what was written is what is read',
  () => {
    fc.assert(
      fc.property(token, userName, (written, name) => {
        const text = `user=${name}\x01auth=Bearer ${written}\x01\x01`;
        expect(parseXoauth2(Buffer.from(text))).toMatchObject({ token: written, userName: name });
      }),
      effort(3000),
    );
  },
  PATIENCE,
);

test(
  'base64: every octet string has one line, and every line one octet string or none',
  () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 60 }),
        fc.stringMatching(/^[A-Za-z0-9+/=]{0,16}$/),
        (octets, line) => {
          const bytes = Buffer.from(octets);
          expect(decodeBase64(bytes.toString('base64'))).toEqual(bytes);
          const decoded = decodeBase64(line);
          // atob() is as strict about the alphabet, but forgives absent padding and stray bits.
          if (!isRefusal(decoded)) expect(decoded.toString('latin1')).toBe(atob(line));
        },
      ),
      effort(5000),
    );
  },
  PATIENCE,
);

const line = fc.oneof(
  mutations(seeds).map((text) => Buffer.from(text, 'utf8').toString('base64')),
  fc.constantFrom('*', '=', '', 'AQ==', 'A', '*\t'),
  fc.string({ maxLength: 12, unit: 'binary' }),
);
const verdict = fc.constantFrom(
  alice(),
  refuse('token-expired', 'r'),
  refuse('token-scope', 'r'),
  refuse('issuer-unavailable', 'r'),
);

test(
  'an exchange ends after at most three lines, and well only by a verdict',
  () => {
    fc.assert(
      fc.property(
        mechanism,
        fc.option(line, { nil: undefined }),
        line,
        line,
        verdict,
        (name, initial, one, two, given) => {
          const sasl = startExchange({
            mechanism: name,
            challenge: { scope: 's', openidConfiguration: undefined },
          });
          const lines = [one, two];
          let decided = false;
          let step = sasl.start(initial);
          while (step.step === 'challenge' || step.step === 'verify') {
            if (step.step === 'verify') decided = true;
            step = next(sasl, step, lines, given);
          }
          if (step.step === 'done') expect([decided, step.principal]).toEqual([true, given]);
          else expect(step.refusal.code).not.toBe('internal-error');
          expect(() => sasl.receive('')).toThrow(/out of turn/);
        },
      ),
      effort(8000),
    );
  },
  PATIENCE,
);

function next(
  sasl: SaslExchange,
  step: SaslStep,
  lines: string[],
  given: Parameters<SaslExchange['decide']>[0],
) {
  if (step.step === 'verify') return sasl.decide(given);
  const answer = lines.shift();
  if (answer === undefined) throw new Error('the exchange asked for more lines than it may');
  if (step.step === 'challenge') expect(step.data).toMatch(/^[A-Za-z0-9+/]*={0,2}$/);
  return sasl.receive(answer);
}

test('a message of 64 KiB is read in no time, whatever it repeats', () => {
  for (const seed of [...seeds, '=', ',', '=2C', 'a=', 'x=y\x01', 'Bearer ', ' ']) {
    if (seed === '') continue;
    for (const text of [
      seed.repeat(65536 / seed.length),
      `n,,\x01auth=Bearer ${seed.repeat(65536 / seed.length)}`,
    ]) {
      const spent = processorTime(() => {
        parseOauthBearer(Buffer.from(text));
        parseXoauth2(Buffer.from(text));
      });
      expect(spent).toBeLessThan(2000);
    }
  }
});
