// The table of replies: complete, constant, safe to send.

import { describe, expect, test } from 'vitest';
import { ADVICE } from '../../../src/explanation/advice.ts';
import { REFUSAL_CODES, refuse } from '../../../src/refusal.ts';
import { REPLIES, replyTo, wireForm } from '../../../src/submission/replies.ts';

describe('every refusal', () => {
  test.each(REFUSAL_CODES)('%s', (code) => {
    const [line] = replyTo(refuse(code, 'a private reason'), 's3ss10n').lines;
    const [reply] = REPLIES[code];
    expect(line).toMatch(new RegExp(`^${String(reply)[0]}\\.[0-9]\\.[0-9]{1,2} [ -~]+ \\[s3ss10n\\]$`));
    expect(line).not.toContain('private');
    expect(`${reply} ${line}`.length).toBeLessThan(120);
  });
});

const INTRODUCTION = `# Refusals

Every expected "no" of the mail client's door. The client sees the reply, its text and the session id at the end; the journal has the
code and, as \`reason\`, what was expected and found. Where the upstream said no itself, the client gets the upstream's own reply and
the journal says \`upstream-refused\`.

Before \`535\` a failed sign-in with a token gets a \`334\` challenge that tells the client where to get a better one (RFC 7628 §3.2.2).

\`postern explain --session ID\`, with the id at the end of the reply, tells the reason and what to change, while Postern knows it; the
journal has it for longer.

| code | reply | text | what to change |
|---|---|---|---|
`;

test('the documentation lists each code with its reply (vitest -u writes it anew)', async () => {
  const rows = REFUSAL_CODES.map((code) => {
    const [reply, detail, text] = REPLIES[code];
    return `| \`${code}\` | ${reply} ${String(reply)[0]}.${detail} | ${text} | ${ADVICE[code]} |\n`;
  });
  await expect(INTRODUCTION + rows.join('')).toMatchFileSnapshot('../../../docs/refusals.md');
});

test('several lines are joined as RFC 5321 §4.2.1 has them', () => {
  expect(wireForm({ code: 250, lines: ['a', 'b'] })).toBe('250-a\r\n250 b\r\n');
  expect(wireForm({ code: 334, lines: [''] })).toBe('334 \r\n');
});
