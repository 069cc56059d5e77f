// Whatever a client calls itself, and whatever an issuer calls a user: one command is one line of known attributes.

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GATE, openDialogue, originOf, person, start, stop, tell, upstream } from './situation.ts';

beforeAll(() => start());
afterAll(stop);

const COMMANDS = [
  /^EHLO (?:gate\.example\.org|[A-Za-z0-9][A-Za-z0-9.-]*|\[[A-Za-z0-9.:]+\])$/,
  /^XCLIENT LOGIN=\S+ PROTO=ESMTP (?:HELO=\S+ )?PORT=\S+ NAME=\[UNAVAILABLE\] REVERSE_NAME=\[UNAVAILABLE\] ADDR=\S+$/,
  /^XFORWARD NAME=\[UNAVAILABLE\] ADDR=\S+ PORT=\S+ PROTO=ESMTP HELO=\S+$/,
  /^QUIT$/,
];

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc
    .array(
      fc.constantFrom(
        '\r\n',
        '\n',
        '\r',
        '\0',
        ' ',
        '\t',
        '=',
        '+',
        '+0D+0A',
        'ADDR=',
        'LOGIN=root',
        'XCLIENT ',
        'RSET',
        'a',
        '\u2028',
        'ü',
        '[UNAVAILABLE]',
      ),
      { maxLength: 40 },
    )
    .map((parts) => parts.join('')),
);

test('nothing a client chooses adds an attribute, a command or a line', async () => {
  await fc.assert(
    fc.asyncProperty(hostile, hostile, hostile, async (name, user, address) => {
      const dialogue = await openDialogue();
      const connection = upstream.connections.at(-1);
      await tell(dialogue, originOf(person(user), { name, address }), {
        xclient: 'required',
        xforward: 'required',
      });
      dialogue.quit();
      await upstream.until(() => connection?.closed === true, 'the end of the connection');
      const lines = connection?.received.toString('latin1').split('\r\n').slice(0, -1) ?? [];
      expect(lines[0]).toBe(`EHLO ${GATE}`);
      for (const line of lines) {
        expect(line).toSatisfy((text: string) => COMMANDS.some((shape) => shape.test(text)));
        expect(line).toMatch(/^[\x20-\x7e]{1,510}$/);
      }
      expect(lines.filter((line) => /^(?:XCLIENT|XFORWARD)/.test(line)).length).toBeLessThanOrEqual(2);
    }),
    { numRuns: 300 },
  );
});
