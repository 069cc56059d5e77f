// A transaction that waits for its message: the upstream is told that somebody is there, and only where that is in order.

import { afterEach, beforeEach, expect, test } from 'vitest';
import { BOB, begin, start, stop, upstream } from '../../../support/relay-situation.ts';
import { hangUp } from '../../../support/scripted-upstream.ts';

beforeEach(() => start());
afterEach(stop);

test('NOOP between the envelope and DATA; the message goes through all the same', async () => {
  const transaction = await begin();
  await transaction.recipient(BOB);
  await transaction.keepAlive?.();
  expect(upstream.connections[0]?.received.toString()).toMatch(/NOOP\r\n$/);
  expect(await transaction.data()).toMatchObject({ code: 354 });
  await transaction.keepAlive?.();
  transaction.write('Subject: x\r\n\r\nhello\r\n');
  expect(await transaction.finish(undefined)).toMatchObject({ code: 250 });
  await transaction.keepAlive?.();
  expect(upstream.connections[0]?.received.toString().match(/NOOP/g)).toHaveLength(1);
});

test('a connection that is lost meanwhile shows with DATA', async () => {
  const transaction = await begin();
  await transaction.recipient(BOB);
  upstream.on('NOOP', hangUp());
  await transaction.keepAlive?.();
  expect(await transaction.data()).toMatchObject({ refused: true, code: 'upstream-lost' });
});
