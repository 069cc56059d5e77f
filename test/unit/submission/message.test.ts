// One message between client and upstream: what goes through, when, and that whatever ends badly never gets its final dot.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type Refusal, refuse } from '../../../src/refusal.ts';
import type { Reply } from '../../../src/relay/reply.ts';
import type { RelayTransaction } from '../../../src/relay/transaction.ts';
import { BodyScanner } from '../../../src/submission/body-scanner.ts';
import { Message, type MessageOptions, type MessageOutcome } from '../../../src/submission/message.ts';
import { makePrincipal } from '../../../src/token/principal.ts';

const ALICE = makePrincipal({
  issuer: 'https://mail.example.org',
  subject: 'alice-id',
  clientId: undefined,
  addresses: ['alice@example.org'],
  groups: [],
  scopes: [],
  tokenId: undefined,
  grantId: undefined,
  issuedAt: 0,
  expiresAt: 1,
});
const TIME = new Date('2026-11-21T08:00:00Z');
const HEADER = 'From: alice@example.org\r\n';
const WHOLE = 'Message-ID: <1@example.org>\r\nDate: Sat, 21 Nov 2026 08:00:00 +0000\r\n';
const QUEUED = { code: 250, lines: ['2.0.0 queued'] };

/** An upstream that writes down what it was asked; `answers` stand in place of the polite ones. */
class Upstream implements RelayTransaction {
  calls: string[] = [];
  text = '';
  verdict: Reply | Refusal | undefined;
  data354: Promise<Reply | Refusal> = Promise.resolve({ code: 354, lines: ['go'] });
  final: Promise<Reply | Refusal> = Promise.resolve(QUEUED);
  takes = true;
  drain = Promise.withResolvers<void>();

  async recipient() {
    return QUEUED;
  }
  data() {
    this.calls.push('data');
    return this.data354;
  }
  write(bytes: Buffer | string) {
    this.text += bytes.toString('latin1');
    return this.takes;
  }
  drained() {
    return this.drain.promise;
  }
  finish(last: Buffer | undefined) {
    this.calls.push('finish');
    this.text += last?.toString('latin1') ?? '';
    return this.final;
  }
  async reset() {}
  abort() {
    this.calls.push('abort');
  }
}

interface Situation {
  readonly message: Message;
  readonly upstream: Upstream;
  readonly outcomes: MessageOutcome[];
  readonly onTooSlow: ReturnType<typeof vi.fn>;
  readonly scanner: BodyScanner;
}

function begin(changes: Partial<MessageOptions> = {}, faults: Partial<Upstream> = {}): Situation {
  const upstream = Object.assign(new Upstream(), faults);
  const outcomes: MessageOutcome[] = [];
  const onTooSlow = vi.fn();
  const message = new Message({
    principal: ALICE,
    transaction: upstream,
    trace: {
      hostname: 'mail.example.org',
      clientName: 'client.example',
      clientAddress: '192.0.2.1',
      id: 's.1',
      cipher: undefined,
      utf8: false,
      time: TIME,
    },
    maxHeaderBytes: 1000,
    maxMessageBytes: 100_000,
    minBytesPerSecond: 50,
    onTooSlow,
    onOutcome: (outcome) => outcomes.push(outcome),
    ...changes,
  });
  return { message, upstream, outcomes, onTooSlow, scanner: new BodyScanner() };
}

async function send(situation: Situation, pieces: readonly string[], last: string): Promise<MessageOutcome> {
  const { message, scanner, outcomes } = situation;
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, 'latin1');
    scanner.scan(bytes);
    await message.push(bytes, scanner);
  }
  await message.end(Buffer.from(last, 'latin1'), scanner);
  const [outcome, ...more] = outcomes;
  if (!outcome || more.length > 0) throw new Error(`${outcomes.length} outcomes`);
  return outcome;
}

afterEach(() => void vi.useRealTimers());

describe('what goes through', () => {
  const TEXT = `${WHOLE}${HEADER}\r\nText\r\n`;

  test.each([
    ['in one piece', [], TEXT],
    ['in a header and a body', [`${WHOLE}${HEADER}\r\n`], 'Text\r\n'],
    ['byte by byte', [...TEXT], ''],
    ['with all of it before the end', [TEXT], ''],
  ])('%s: byte for byte, with one field in front', async (_how, pieces, last) => {
    const situation = begin();
    expect(await send(situation, pieces, last)).toEqual({
      verdict: QUEUED,
      stage: 'end',
      bytes: TEXT.length,
    });
    const { upstream } = situation;
    expect(upstream.calls).toEqual(['data', 'finish']);
    expect(upstream.text).toBe(
      'Received: from client.example ([192.0.2.1])\r\n' +
        '\tby mail.example.org (Postern) with ESMTPSA\r\n' +
        '\tid s.1;\r\n' +
        `\tSat, 21 Nov 2026 08:00:00 +0000\r\n${TEXT}`,
    );
  });

  test.each([
    [
      'neither',
      '',
      /^Message-ID: <[^<>@\s]+@mail\.example\.org>\r\nDate: Sat, 21 Nov 2026 08:00:00 \+0000\r\n$/,
    ],
    ['an identifier', 'message-id: <1@example.org>\r\n', /^Date: [^\r\n]+\r\n$/],
    ['a date', 'DATE: Sat, 21 Nov 2026 08:00:00 +0000\r\n', /^Message-ID: [^\r\n]+\r\n$/],
  ])('a header with %s gets what it lacks', async (_has, fields, added) => {
    const situation = begin();
    await send(situation, [], `${fields}${HEADER}\r\nText\r\n`);
    const [, rest = ''] = situation.upstream.text.split('\tSat, 21 Nov 2026 08:00:00 +0000\r\n', 2);
    expect(rest.slice(0, rest.indexOf(`${fields}${HEADER}`))).toMatch(added);
  });

  test('stuffed dots stay on the wire, and neither they nor the final one count for the size', async () => {
    const situation = begin({ maxMessageBytes: HEADER.length + 7 });
    const { bytes } = await send(situation, [`${HEADER}\r\n..a\r\n`], '');
    expect(bytes).toBe(HEADER.length + 6);
    expect(situation.upstream.text).toMatch(/\r\n\.\.a\r\n$/);
  });

  test('the client waits while the upstream takes no more', async () => {
    const situation = begin({}, { takes: false });
    const waits = situation.message.push(Buffer.from(`${HEADER}\r\n`), situation.scanner);
    let through = false;
    void waits?.then(() => {
      through = true;
    });
    await nextTurn();
    expect(through).toBe(false);
    situation.upstream.drain.resolve();
    await waits;
    expect(situation.message.push(Buffer.from('Text\r\n'), situation.scanner)).toBeInstanceOf(Promise);
  });
});

describe('what is refused', () => {
  test.each<[string, string[], string, string, Partial<MessageOptions>]>([
    ['a foreign From, whole', [], 'From: bob@example.org\r\n\r\nText\r\n', 'header-from-not-owned', {}],
    ['a foreign From, streamed', ['From: bob@example.org\r\n\r\n'], 'x\r\n', 'header-from-not-owned', {}],
    [
      'a From behind a stuffed dot',
      [],
      `${HEADER}.From: bob@example.org\r\n\r\n`,
      'header-from-ambiguous',
      {},
    ],
    ['nothing at all', [], '', 'header-from-missing', {}],
    ['a body only', [], '\r\nFrom: alice@example.org\r\n', 'header-from-missing', {}],
    ['a header over its limit, whole', [], `${HEADER}\r\n`, 'header-too-large', { maxHeaderBytes: 24 }],
    ['a header over its limit, begun', [HEADER], '\r\n', 'header-too-large', { maxHeaderBytes: 24 }],
    ['a header over its limit, streamed', [`${HEADER}\r\n`], '', 'header-too-large', { maxHeaderBytes: 24 }],
    [
      'a message over its limit, whole',
      [],
      `${HEADER}\r\nxy\r\n`,
      'message-too-large',
      { maxMessageBytes: 30 },
    ],
    [
      'a message over its limit, streamed',
      [`${HEADER}\r\n`, 'xy'],
      '\r\n',
      'message-too-large',
      { maxMessageBytes: 30 },
    ],
    ['a bare line feed in the body', [`${HEADER}\r\n`, 'a\nb'], '\r\n', 'bare-line-ending', {}],
    ['a bare line feed in the header', [`Subject: a\nb\r\n`], '', 'bare-line-ending', {}],
    ['a NUL', [`${HEADER}\r\n\0`], '', 'nul-byte', {}],
  ])('%s: no final dot', async (_what, pieces, last, code, options) => {
    const situation = begin(options);
    const { verdict } = await send(situation, pieces, last);
    expect(verdict).toMatchObject({ refused: true, code });
    expect(situation.upstream.calls).not.toContain('finish');
    expect(situation.upstream.calls.filter((call) => call === 'abort')).toHaveLength(1);
  });

  test.each([
    ['at the limit of the header', { maxHeaderBytes: HEADER.length }],
    ['at the limit of the message', { maxMessageBytes: HEADER.length + 2 }],
  ])('but not what is just %s', async (_what, options) => {
    for (const pieces of [[], [`${HEADER}\r\n`], [HEADER, '\r\n']]) {
      const { verdict } = await send(begin(options), pieces, pieces.length > 0 ? '' : `${HEADER}\r\n`);
      expect(verdict).toEqual(QUEUED);
    }
  });

  test('nothing goes to the upstream before the header was checked, nor after a refusal', async () => {
    const situation = begin();
    await send(situation, ['From: bob@', 'example.org\r\n\r\n', 'Text\r\n'], 'more\r\n');
    expect(situation.upstream).toMatchObject({ calls: ['abort'], text: '' });
  });

  test.each<[string, Reply | Refusal]>([
    ['a no', { code: 452, lines: ['4.3.1 full'] }],
    ['nonsense', refuse('upstream-protocol', 'x')],
  ])('by the upstream at DATA with %s: its own words, stage data', async (_what, answer) => {
    for (const [pieces, last] of [
      [[], `${HEADER}\r\nText\r\n`],
      [[`${HEADER}\r\n`], 'Text\r\n'],
    ] as const) {
      const situation = begin({}, { data354: Promise.resolve(answer) });
      expect(await send(situation, pieces, last)).toMatchObject({ verdict: answer, stage: 'data' });
      expect(situation.upstream.text).toBe('');
    }
  });

  test('by the upstream in mid-body: its words, and nothing more is written', async () => {
    const situation = begin();
    await situation.message.push(Buffer.from(`${HEADER}\r\n`), situation.scanner);
    situation.upstream.verdict = { code: 552, lines: ['5.3.4 too much'] };
    const written = situation.upstream.text;
    expect(await send(situation, ['Text\r\n', 'more\r\n'], 'last\r\n')).toMatchObject({
      verdict: { code: 552 },
      stage: 'body',
    });
    expect(situation.upstream).toMatchObject({ text: written, calls: ['data', 'abort'] });
  });
});

describe('a client that vanishes', () => {
  test('in the header: the upstream hears no DATA', async () => {
    const { message, upstream, scanner, outcomes } = begin();
    message.push(Buffer.from(HEADER), scanner);
    message.abandon();
    expect([upstream.calls, outcomes]).toEqual([['abort'], []]);
  });

  test.each(['whole', 'streamed'])('while DATA is asked, %s: no byte of it goes out', async (how) => {
    const answer = Promise.withResolvers<Reply | Refusal>();
    const { message, upstream, scanner, outcomes } = begin({}, { data354: answer.promise });
    const bytes = Buffer.from(`${HEADER}\r\n`);
    const done = how === 'whole' ? message.end(bytes, scanner) : message.push(bytes, scanner);
    message.abandon();
    answer.resolve({ code: 354, lines: ['go'] });
    await done;
    expect(upstream).toMatchObject({ calls: ['data', 'abort'], text: '' });
    expect(outcomes).toEqual([]);
  });

  test('in mid-body: cut off', async () => {
    const { message, upstream, scanner, outcomes } = begin();
    await message.push(Buffer.from(`${HEADER}\r\n`), scanner);
    message.abandon();
    expect([upstream.calls, outcomes]).toEqual([['data', 'abort'], []]);
  });

  test('after the final dot: the upstream is not disturbed, and its word is told', async () => {
    const verdict = Promise.withResolvers<Reply>();
    const { message, upstream, scanner, outcomes } = begin({}, { final: verdict.promise });
    const done = message.end(Buffer.from(`${HEADER}\r\n`), scanner);
    await nextTurn();
    message.abandon();
    message.interrupt(refuse('session-revoked', 'too late'));
    verdict.resolve(QUEUED);
    await done;
    expect(upstream.calls).toEqual(['data', 'finish']);
    expect(outcomes).toMatchObject([{ verdict: QUEUED }]);
  });

  test('after a refusal: the upstream is told once only, and nobody waits for an outcome', async () => {
    const { message, upstream, scanner, outcomes } = begin();
    message.push(Buffer.from('From: bob@example.org\r\n\r\n'), scanner);
    await nextTurn();
    message.abandon();
    await message.end(Buffer.from('x\r\n'), scanner);
    expect(upstream.calls.filter((call) => call !== 'abort')).toEqual([]);
    expect(outcomes).toEqual([]);
  });
});

describe('the pace', () => {
  const MINUTE = 60_000;

  function trickle(options: { bytes: number; until: number }): Situation {
    vi.useFakeTimers({ toFake: ['performance'] });
    const situation = begin();
    vi.advanceTimersByTime(options.until);
    situation.message.push(Buffer.from('x'.repeat(options.bytes)), situation.scanner);
    return situation;
  }

  test('is judged after a minute', () => {
    expect(trickle({ bytes: 100, until: MINUTE - 1 }).onTooSlow).not.toHaveBeenCalled();
    expect(trickle({ bytes: 100, until: MINUTE + 1 }).onTooSlow).toHaveBeenCalledOnce();
    expect(trickle({ bytes: 900, until: 2 * MINUTE }).onTooSlow).toHaveBeenCalledOnce();
  });

  test('is judged by bytes a second', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const { message, scanner, onTooSlow } = begin({ maxHeaderBytes: 10_000 });
    vi.advanceTimersByTime(2 * MINUTE);
    message.push(Buffer.from('x'.repeat(6000)), scanner);
    expect(onTooSlow).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1000);
    message.push(Buffer.from('x'), scanner);
    expect(onTooSlow).toHaveBeenCalledOnce();
  });

  test('does not count the time for which the upstream made the client wait', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const situation = begin({}, { takes: false });
    const waits = situation.message.push(Buffer.from(`${HEADER}\r\n`), situation.scanner);
    await nextTurn();
    vi.advanceTimersByTime(10 * MINUTE);
    situation.upstream.drain.resolve();
    await waits;
    vi.advanceTimersByTime(1000);
    void situation.message.push(Buffer.from('x'), situation.scanner);
    expect(situation.onTooSlow).not.toHaveBeenCalled();
  });

  test('of a message that is all here does not matter any more: given up now, it would come twice', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    const situation = begin();
    vi.advanceTimersByTime(2 * MINUTE);
    expect(await send(situation, [], `${HEADER}\r\n`)).toMatchObject({ verdict: QUEUED });
    expect(situation.onTooSlow).not.toHaveBeenCalled();
  });
});
