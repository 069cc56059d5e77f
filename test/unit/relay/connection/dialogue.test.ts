// What an upstream says without being asked: one verdict in mid-message is listened to, and nothing else.

import { once } from 'node:events';
import { Socket } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { UpstreamDialogue } from '../../../../src/relay/connection/dialogue.ts';
import { ReplyReader } from '../../../../src/relay/connection/reply.ts';

const UNASKED = { code: 'upstream-protocol', reason: 'upstream sent a reply nobody asked for' };
const FLOOD = '250 2.0.0 and again\r\n'.repeat(2_000);

/** The other side is the test: what it says has arrived when `says` returns, as one chunk. */
function dialogueWith(): { dialogue: UpstreamDialogue; says: (bytes: string) => void; socket: Socket } {
  const socket = new Socket();
  onTestFinished(() => void socket.destroy());
  const capabilities = { keywords: new Map(), mechanisms: [] } as never;
  const dialogue = new UpstreamDialogue({ socket, capabilities });
  return { dialogue, socket, says: (bytes) => void socket.emit('data', Buffer.from(bytes)) };
}

test('one reply in mid-message is kept as the verdict', () => {
  const { dialogue, says } = dialogueWith();
  says('552 5.3.4 too big\r\n');
  expect(dialogue.early).toEqual({ code: 552, lines: ['5.3.4 too big'] });
  expect(dialogue.lost).toBeUndefined();
});

test('a farewell after it ends the connection as any farewell does', () => {
  const { dialogue, says } = dialogueWith();
  says('451 4.3.0 no room\r\n421 4.3.0 bye\r\n');
  expect(dialogue.early).toMatchObject({ code: 451 });
  expect(dialogue.lost).toMatchObject({ code: 'upstream-unavailable' });
});

test.each([
  ['in one chunk', (says: (bytes: string) => void) => says('550 5.7.1 no\r\n250 2.0.0 yes\r\n')],
  [
    'one after the other',
    (says: (bytes: string) => void) => {
      says('550 5.7.1 no\r\n');
      says('250 2.0.0 yes\r\n');
    },
  ],
])('a second verdict, %s, ends the connection, and the first stays', (_how, talk) => {
  const { dialogue, says, socket } = dialogueWith();
  talk(says);
  expect(dialogue.early).toMatchObject({ code: 550 });
  expect(dialogue.lost).toMatchObject(UNASKED);
  expect(socket.destroyed).toBe(true);
});

test('what comes beside the reply that is owed is the last that is listened to', async () => {
  const { dialogue, says, socket } = dialogueWith();
  const reply = dialogue.reply(60_000);
  says(FLOOD);
  expect(await reply).toMatchObject({ code: 250 });
  expect(dialogue.lost).toMatchObject(UNASKED);
  expect(socket.destroyed).toBe(true);
});

describe('at rest', () => {
  test('the first reply ends the connection, and whoever holds it is told at once', async () => {
    const { dialogue, says, socket } = dialogueWith();
    const onLost = vi.fn();
    dialogue.whenLost(onLost);
    dialogue.resting = true;
    says('250 2.0.0 anybody there?\r\n');
    expect(dialogue.lost).toMatchObject(UNASKED);
    expect(onLost).toHaveBeenCalledOnce();
    await once(socket, 'close');
    expect(await dialogue.command('NOOP', 60_000)).toMatchObject(UNASKED);
  });

  test('a 421 is still taken for the farewell it is', () => {
    const { dialogue, says } = dialogueWith();
    dialogue.resting = true;
    says('421 4.4.2 idle too long\r\n');
    expect(dialogue.farewell).toMatchObject({ code: 421 });
    expect(dialogue.lost).toMatchObject({ code: 'upstream-unavailable' });
  });
});

test.each([
  ['QUIT', (dialogue: UpstreamDialogue) => dialogue.quit()],
  ['the connection was cut', (dialogue: UpstreamDialogue) => dialogue.destroy()],
])('after %s nothing that comes is even read', (_when, end) => {
  const { dialogue, says } = dialogueWith();
  end(dialogue);
  const push = vi.spyOn(ReplyReader.prototype, 'push');
  onTestFinished(() => push.mockRestore());
  says(FLOOD);
  expect(push).not.toHaveBeenCalled();
  expect(dialogue.early).toBeUndefined();
});
