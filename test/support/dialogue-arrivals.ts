// The last section of a dialogue: what must have come to the upstream, and that nothing else did.

import type { Dialogue, ExpectedArrival } from './dialogue-script.ts';
import { expectation, matching, visible } from './dialogue-text.ts';
import type { ScriptedUpstream, UpstreamMessage } from './scripted-upstream.ts';

// RFC 8601 §2.2; spelled out once more, as the next is, in mail-plain.smtp.
const AUTHENTICATION_RESULTS = [
  'Authentication-Results: localhost;',
  '\\tauth=pass smtp.auth=alice@example.org smtp.mailfrom=alice@example.org',
];
// RFC 5321 §4.4, RFC 8314 §4.3 for the tls clause.
const RECEIVED = [
  'Received: from client.example ([127.0.0.1])',
  '\\tby localhost (Postern) with ESMTPSA tls {cipher}',
  '\\tid {any};',
  '\\t{date}',
];
/** What one line of a file stands for: the fields that Postern puts on top of every message of Alice's. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  '{received}': [...AUTHENTICATION_RESULTS, ...RECEIVED],
  '{authentication-results}': AUTHENTICATION_RESULTS,
};

/** Says what is different; undefined where everything is as the file says. */
export function checkArrivals(dialogue: Dialogue, upstream: ScriptedUpstream): string | undefined {
  const wanted = [true, false].map((accepted) =>
    dialogue.arrivals.filter((each) => each.accepted === accepted),
  );
  return (
    compare('ARRIVED', wanted[0] ?? [], upstream.accepted) ??
    compare('REFUSED', wanted[1] ?? [], upstream.refused)
  );
}

function compare(
  name: string,
  wanted: readonly ExpectedArrival[],
  got: readonly UpstreamMessage[],
): string | undefined {
  if (wanted.length !== got.length) {
    return `${name}: expected ${wanted.length} message(s), the upstream had ${got.length}\n${got.map(show).join('\n')}`;
  }
  for (const [index, expected] of wanted.entries()) {
    const difference = compareOne(expected, got[index] as UpstreamMessage);
    if (difference) return `${name} (line ${expected.line}): ${difference}`;
  }
  return undefined;
}

function compareOne(expected: ExpectedArrival, message: UpstreamMessage): string | undefined {
  const wanted = [expected.mailFrom, ...expected.recipients];
  const got = [message.mailFrom, ...message.recipients];
  const same =
    wanted.length === got.length && wanted.every((text, index) => expectation(text)(got[index] ?? '').met);
  if (!same) return `envelope: expected ${wanted.join(' ')}, got ${visible(got.join(' '))}`;
  if (expected.lines.length === 0) return undefined;
  // RFC 5321 §2.3.8: a message is lines that end in CRLF, so the last piece is empty.
  const lines = message.data.toString('latin1').split('\r\n');
  if (lines.pop() !== '') return `the message does not end in CRLF\n${show(message)}`;
  return compareLines(expected.lines, lines);
}

function compareLines(written: ExpectedArrival['lines'], lines: readonly string[]): string | undefined {
  const expected = written.flatMap(
    (line) => FIELDS[line.text]?.map((text) => ({ pattern: false, text })) ?? [line],
  );
  for (let index = 0; index < Math.max(expected.length, lines.length); index++) {
    const wanted = expected[index];
    const line = lines[index];
    const check = wanted && (wanted.pattern ? matching(new RegExp(wanted.text)) : expectation(wanted.text));
    if (line !== undefined && check?.(line).met) continue;
    const got = line === undefined ? 'nothing more' : visible(line).slice(0, 500);
    return `line ${index + 1} of the message\nexpected  ${wanted?.text ?? 'nothing more'}\n     got  ${got}`;
  }
  return undefined;
}

function show(message: UpstreamMessage): string {
  const body = visible(message.text).slice(0, 2000);
  return `  from ${message.mailFrom} to ${message.recipients.join(' ')}\n  ${body}`;
}
