// A message that Postern signs: what goes to the upstream and when, and that nothing does once it was stopped.

import { createPublicKey } from 'node:crypto';
import { readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Dkim, openDkim } from '../../../../src/dkim/dkim.ts';
import { refuse } from '../../../../src/refusal.ts';
import type { Reply } from '../../../../src/relay/connection/reply.ts';
import type { MessageOptions } from '../../../../src/submission/message/message.ts';
import { signing } from '../../../../src/submission/message/signing.ts';
import { makePrincipal } from '../../../../src/token/principal.ts';
import { DKIM_PRIVATE_KEY, signDkim, verifyDkim } from '../../../support/dkim.ts';
import { dkimSettings, PUBLIC_KEYS } from '../../../support/dkim-keys.ts';
import {
  ALICE,
  beginMessage,
  headerContext,
  type MessageSituation,
  type MessageUpstream,
  QUEUED,
  sendMessage as send,
  TIME,
} from '../../../support/message-situation.ts';

const KEYS = { ...PUBLIC_KEYS, test: createPublicKey(DKIM_PRIVATE_KEY) };
const HEADER = 'From: Alice <alice@example.org>\r\nSubject: x\r\n';
/** More than is held in memory. */
const LARGE = `${'a line of it\r\n'.repeat(20)}`.repeat(500);

let dkim: Dkim;
let spoolFolder: string;
let remove: () => void;

beforeEach(() => {
  const made = dkimSettings({ maxMemoryBytes: 20_000, maxSpoolBytes: 1_000_000, signedFields: ['.X'] });
  const opened = openDkim(made.settings);
  if ('faults' in opened) throw new Error(JSON.stringify(opened.faults));
  dkim = opened;
  spoolFolder = made.settings.spoolFolder;
  remove = made.remove;
});
afterEach(async () => {
  vi.useRealTimers();
  await expect.poll(spooled).toBe(0);
  remove();
});

/** Files of this process in the folder, though they have no name. */
function spooled(): number {
  const isOurs = (file: string): boolean => {
    try {
      return readlinkSync(`/proc/self/fd/${file}`).startsWith(spoolFolder);
    } catch {
      return false;
    }
  };
  return readdirSync('/proc/self/fd').filter(isOurs).length;
}

function begin(
  changes: Partial<MessageOptions> = {},
  faults: Partial<MessageUpstream> = {},
): MessageSituation {
  const situation: MessageSituation = beginMessage(
    {
      maxMessageBytes: 500_000,
      signing: (header) => signing(situation.upstream, { dkim, time: TIME.getTime() })(header),
      ...changes,
    },
    faults,
  );
  return situation;
}

const push = ({ message, scanner }: MessageSituation, text: string) => {
  const bytes = Buffer.from(text, 'latin1');
  scanner.scan(bytes);
  return message.push(bytes, scanner);
};
const unstuffed = (text: string): string => text.replaceAll(/(^|\r\n)\./g, '$1');
const signatures = (text: string): number => text.match(/^DKIM-Signature: /gm)?.length ?? 0;

/** Takes nothing, so that what is written waits; the body goes on with `drain`. */
const STALLED = { takes: false };

describe('a message that is signed', () => {
  test('bears a signature for each key, above all else, and arrives as it was', async () => {
    const situation = begin();
    const body = '\r\n..a dot\r\n...\r\n\r\n\r\n';
    expect(await send(situation, [HEADER, body], 'last\r\n')).toMatchObject({
      verdict: QUEUED,
      stage: 'end',
    });
    const { text, calls } = situation.upstream;
    expect(calls).toEqual(['data', 'finish']);
    expect(text.startsWith('DKIM-Signature: ')).toBe(true);
    expect(signatures(text)).toBe(2);
    expect(text.endsWith(`${HEADER}${body}last\r\n`)).toBe(true);
    expect(verifyDkim(unstuffed(text), KEYS)).toBe(true);
  });

  test.each([
    ['whole', [], `${HEADER}\r\nbody\r\n`],
    ['without a body', [], HEADER],
    ['with an empty body', [HEADER], '\r\n'],
    ['cut within the empty line', [`${HEADER}\r`], '\nbody\r\n'],
    ['byte by byte', [...`${HEADER}\r\n..\r\nbody`], '\r\n'],
    ['with a header line that begins with a dot', ['..X: y\r\n', HEADER], '\r\nbody\r\n'],
    ['beyond memory', [`${HEADER}\r\n`, LARGE.slice(0, 50_000), LARGE.slice(50_000)], ''],
  ])('%s', async (_what, pieces, last) => {
    const situation = begin();
    await send(situation, pieces, last);
    const { text } = situation.upstream;
    expect(text.endsWith(pieces.join('') + last)).toBe(true);
    // Where the empty line is missing, the next server puts it there.
    expect(verifyDkim(unstuffed(last === HEADER ? `${text}\r\n` : text), KEYS)).toBe(true);
  });

  test('is signed as Postern has repaired it: what was added counts, what was taken out does not, nor does the trace', async () => {
    const situation = begin();
    await send(situation, [`Bcc: secret@example.org\r\n${HEADER}`], '\r\nbody\r\n');
    const { text } = situation.upstream;
    expect(text).not.toContain('Bcc');
    expect(verifyDkim(text, KEYS)).toBe(true);
    for (const name of ['Date', 'Message-ID', 'Subject']) {
      const changed = text.replace(new RegExp(`^${name}: .`, 'm'), `${name}: !`);
      expect(changed, name).not.toBe(text);
      expect(verifyDkim(changed, KEYS), name).toBe(false);
    }
    const traced = `Received: from elsewhere\r\n${text.replace('Received: from', 'Received: by')}`;
    expect(verifyDkim(traced, KEYS)).toBe(true);
  });

  test('covers a field whose line begins with a dot as it is without the dot that SMTP adds', async () => {
    const situation = begin();
    await send(situation, [`..X: y\r\n${HEADER}`], '\r\nbody\r\n');
    const { text } = situation.upstream;
    expect(text).toContain('\r\n..X: y\r\n');
    expect(verifyDkim(unstuffed(text.replace('..X: y', '..X: z')), KEYS)).toBe(false);
  });

  test('asks the upstream for nothing before it is complete', async () => {
    const situation = begin();
    await push(situation, `${HEADER}\r\n`);
    await push(situation, LARGE);
    expect(situation.upstream).toMatchObject({ calls: [], text: '' });
    await send(situation, [], '');
    expect(situation.upstream.calls).toEqual(['data', 'finish']);
  });

  test('waits for an upstream that takes little at a time', async () => {
    const situation = begin({}, STALLED);
    const done = send(situation, [`${HEADER}\r\n`], LARGE);
    await expect.poll(() => situation.upstream.text).not.toBe('');
    await nextTurn();
    expect(situation.upstream.text.length).toBeLessThan(LARGE.length);
    situation.upstream.drain.resolve();
    await done;
    expect(verifyDkim(situation.upstream.text, KEYS)).toBe(true);
  });
});

describe('a message that passes as it is', () => {
  test('is one of another domain: it streams, and nothing of it is held', async () => {
    const principal = makePrincipal({ ...ALICE, addresses: ['a@example.net'] });
    const situation = begin({ header: headerContext({ principal }) });
    await push(situation, 'From: a@example.net\r\n\r\n');
    await push(situation, LARGE);
    expect(situation.upstream.calls).toEqual(['data']);
    expect(situation.upstream.text.endsWith(LARGE)).toBe(true);
    expect(spooled()).toBe(0);
    await send(situation, [], '');
    expect(signatures(situation.upstream.text)).toBe(0);
  });

  test('is one whose own signature says that there is no other', async () => {
    const own = signDkim(`${HEADER}\r\nbody\r\n`, { names: ['from', 'dkim-signature'], form: 'relaxed' });
    const situation = begin();
    await send(situation, [], own);
    expect(signatures(situation.upstream.text)).toBe(1);
    expect(situation.upstream.text.endsWith(own)).toBe(true);
  });
});

test.each(['simple', 'relaxed'] as const)(
  'a signature of the sender’s own (%s) stays good beside it',
  async (form) => {
    const names = ['from', 'from', 'subject', 'date', 'message-id', 'reply-to'];
    const own = signDkim(`${HEADER}\r\nbody\r\n.x\r\n`, { names, form });
    const situation = begin();
    await send(situation, [], own.replace('\r\n.x', '\r\n..x'));
    expect(signatures(situation.upstream.text)).toBe(3);
    expect(verifyDkim(unstuffed(situation.upstream.text), KEYS)).toBe(true);
  },
);

describe('a message that is stopped', () => {
  const REVOKED = refuse('session-revoked', 'revoked');

  test('while it comes: the upstream never hears of it', async () => {
    const situation = begin();
    await push(situation, `${HEADER}\r\n`);
    await push(situation, LARGE);
    expect(spooled()).toBe(1);
    situation.message.interrupt(REVOKED);
    await expect.poll(spooled).toBe(0);
    expect(await send(situation, [LARGE], '')).toMatchObject({ verdict: REVOKED, stage: 'body' });
    expect(situation.upstream).toMatchObject({ calls: ['abort'], text: '' });
  });

  test.each(['interrupted', 'abandoned'])('while it goes out, %s: it never gets its end', async (how) => {
    const situation = begin({}, STALLED);
    const { message, upstream, outcomes, scanner } = situation;
    await push(situation, `${HEADER}\r\n`);
    const done = message.end(Buffer.from(LARGE), scanner);
    await expect.poll(() => upstream.text).not.toBe('');
    if (how === 'interrupted') message.interrupt(REVOKED);
    else message.abandon();
    upstream.drain.resolve();
    await done;
    expect(upstream.calls).toEqual(['data', 'abort']);
    expect(outcomes).toMatchObject(how === 'interrupted' ? [{ verdict: REVOKED }] : []);
  });

  test.each(['interrupted', 'abandoned'])('while the upstream thinks about DATA, %s', async (how) => {
    const answer = Promise.withResolvers<Reply>();
    const situation = begin({}, { data354: answer.promise });
    const { message, upstream, scanner } = situation;
    const done = message.end(Buffer.from(`${HEADER}\r\nbody\r\n`), scanner);
    await expect.poll(() => upstream.calls).toEqual(['data']);
    if (how === 'interrupted') message.interrupt(REVOKED);
    else message.abandon();
    answer.resolve({ code: 354, lines: ['go'] });
    await done;
    expect(upstream.calls).toEqual(['data', 'abort']);
    expect(upstream.text).not.toContain('body');
  });

  test('after its end is out: too late', async () => {
    const final = Promise.withResolvers<Reply>();
    const { message, upstream, scanner, outcomes } = begin({}, { final: final.promise });
    const done = message.end(Buffer.from(`${HEADER}\r\nbody\r\n`), scanner);
    await expect.poll(() => upstream.calls).toEqual(['data', 'finish']);
    message.interrupt(REVOKED);
    message.abandon();
    final.resolve(QUEUED);
    await done;
    expect(upstream.calls).toEqual(['data', 'finish']);
    expect(outcomes).toMatchObject([{ verdict: QUEUED }]);
  });

  test('by its size', async () => {
    const situation = begin({ maxMessageBytes: 100_000 });
    expect(await send(situation, [`${HEADER}\r\n`, LARGE], '')).toMatchObject({
      verdict: { code: 'message-too-large' },
    });
    expect(situation.upstream).toMatchObject({ calls: ['abort'], text: '' });
  });

  test('by the upstream, which takes no DATA', async () => {
    const no = { code: 451, lines: ['4.3.0 not now'] };
    const situation = begin({}, { data354: Promise.resolve(no) });
    expect(await send(situation, [HEADER], '\r\nbody\r\n')).toMatchObject({ verdict: no, stage: 'data' });
    expect(situation.upstream).toMatchObject({ calls: ['data', 'abort'], text: '' });
  });

  test('by the upstream in mid-message', async () => {
    const no = { code: 552, lines: ['5.3.4 too large'] };
    const situation = begin({}, STALLED);
    const done = send(situation, [`${HEADER}\r\n`], LARGE);
    await expect.poll(() => situation.upstream.text).not.toBe('');
    situation.upstream.verdict = no;
    situation.upstream.drain.resolve();
    expect(await done).toMatchObject({ verdict: no, stage: 'body' });
    expect(situation.upstream.calls).toEqual(['data', 'abort']);
  });

  test('by a spool that cannot be written to: refused for now, at once', async () => {
    rmSync(spoolFolder, { recursive: true });
    writeFileSync(spoolFolder, '');
    const situation = begin();
    await push(situation, `${HEADER}\r\n`);
    await push(situation, LARGE);
    await push(situation, 'more\r\n');
    expect(situation.message.refused).toBe(true);
    expect(await send(situation, [], '')).toMatchObject({
      verdict: { code: 'spool-unavailable' },
      stage: 'body',
    });
    expect(situation.upstream).toMatchObject({ calls: ['abort'], text: '' });
    rmSync(spoolFolder);
  });

  test('by a spool that fails with the last bytes', async () => {
    rmSync(spoolFolder, { recursive: true });
    writeFileSync(spoolFolder, '');
    const situation = begin();
    expect(await send(situation, [`${HEADER}\r\n`], LARGE)).toMatchObject({
      verdict: { code: 'spool-unavailable' },
    });
    expect(situation.upstream).toMatchObject({ calls: ['abort'], text: '' });
    rmSync(spoolFolder);
  });

  test('by a spool that cannot be read again: half of it has gone out, its end does not', async () => {
    const failed = refuse('spool-unavailable', 'EIO');
    const spool = {
      failure: undefined as typeof failed | undefined,
      write: () => true,
      drained: async () => undefined,
      close: () => undefined,
      async *pieces() {
        yield Buffer.from('half');
        spool.failure = failed;
      },
    };
    const broken = {
      begin: () => ({ spool, update: () => undefined, fields: async () => '' }),
    } as unknown as Dkim;
    const situation: MessageSituation = begin({
      signing: (header) => signing(situation.upstream, { dkim: broken, time: 0 })(header),
    });
    expect(await send(situation, [HEADER], '\r\nbody\r\n')).toMatchObject({ verdict: failed, stage: 'body' });
    expect(situation.upstream).toMatchObject({ calls: ['data', 'abort'], text: 'half' });
  });

  test('by all spools together', async () => {
    const situation = begin({ maxMessageBytes: 5_000_000 });
    const pieces = Array.from({ length: 10 }, () => LARGE);
    expect(await send(situation, [`${HEADER}\r\n`, ...pieces], '')).toMatchObject({
      verdict: { code: 'spool-unavailable', reason: expect.stringContaining('1000000') },
    });
  });
});

describe('an upstream that waits meanwhile', () => {
  test('is asked every minute whether it is there, and DATA waits for its answer', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const answer = Promise.withResolvers<void>();
    const keepAlive = vi.fn(async () => (keepAlive.mock.calls.length === 3 ? answer.promise : undefined));
    const situation = begin({}, { keepAlive } as Partial<MessageUpstream>);
    await push(situation, `${HEADER}\r\n`);
    await vi.advanceTimersByTimeAsync(59_999);
    expect(keepAlive).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(120_001);
    expect(keepAlive).toHaveBeenCalledTimes(3);
    // The third is not answered: there is no fourth meanwhile.
    await vi.advanceTimersByTimeAsync(120_000);
    expect(keepAlive).toHaveBeenCalledTimes(3);
    const done = send(situation, [], 'body\r\n');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(situation.upstream.calls).toEqual([]);
    answer.resolve();
    await done;
    expect(situation.upstream.calls).toEqual(['data', 'finish']);
    const calls = keepAlive.mock.calls.length;
    await vi.advanceTimersByTimeAsync(600_000);
    expect(keepAlive).toHaveBeenCalledTimes(calls);
  });

  test('is left alone once the message is given up', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const keepAlive = vi.fn(async () => undefined);
    const situation = begin({}, { keepAlive } as Partial<MessageUpstream>);
    await push(situation, `${HEADER}\r\n`);
    situation.message.abandon();
    vi.advanceTimersByTime(600_000);
    expect(keepAlive).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });
});
