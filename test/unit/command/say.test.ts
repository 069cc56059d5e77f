// What commands print: whatever a server or a token says, a terminal only shows it.

import { expect, test } from 'vitest';
import { say, sayJson } from '../../../src/command/surroundings.ts';
import { surroundings } from './surroundings.ts';

const HOSTILE = '250 ok \u001b]0;owned\u0007\u001b[2J\r\u009b2J\u202egnirts\u2028\u061c\u007f\u{e0041}';

test('text for people keeps its lines, and nothing in it moves the cursor or turns the writing round', () => {
  const around = surroundings();
  say(around.errors, `sent to é 漢 🙂:\n\t${HOSTILE}`);
  expect(around.told()).toBe('sent to é 漢 🙂:\n\t250 ok ?]0;owned??[2J??2J?gnirts????\n');
});

test('JSON says the same to a program, and nothing to a terminal', () => {
  const around = surroundings();
  sayJson(around, { reply: HOSTILE, name: 'é 漢 🙂' });
  expect(JSON.parse(around.printed())).toEqual({ reply: HOSTILE, name: 'é 漢 🙂' });
  expect(around.printed().replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  expect(around.printed()).toContain('é 漢 🙂');
});
