// A second opinion on how a client's bytes are cut: where each command line must begin, told from the bytes and the replies alone.

/** A line that was taken (latin1, without its end), one that was refused unread, or the code of a reply. */
export type Step = { readonly line: string } | 'refused line' | number;

/** @returns what was cut elsewhere; undefined where all is as it must be */
export function cutElsewhere(input: string, steps: readonly Step[]): string | undefined {
  let at: number | undefined = 0;
  let before = 0;
  for (const [index, step] of steps.entries()) {
    if (typeof step === 'number') {
      before = step;
      continue;
    }
    if (at === undefined) return `a line was taken where none can be: ${JSON.stringify(step)}`;
    const end = input.indexOf('\n', at);
    const there: string = input.slice(at, end + 1);
    if (end === -1) return `a line was taken that had not ended: ${JSON.stringify(step)}`;
    at = end + 1;
    if (step === 'refused line') continue;
    if (there !== `${step.line}\r\n` || step.line.includes('\r'))
      return `${JSON.stringify(step.line)} was taken where ${JSON.stringify(there)} stands`;
    // A line of a SASL exchange says nothing but that.
    if (before !== 334) at = behind({ input, at, line: step.line, reply: steps[index + 1] });
  }
  return undefined;
}

/** Where the next command begins, undefined where there is none. */
function behind(given: {
  input: string;
  at: number;
  line: string;
  reply: Step | undefined;
}): number | undefined {
  const { input, at, line, reply } = given;
  if (reply === 354) {
    if (input.startsWith('.\r\n', at)) return at + 3;
    const end = input.indexOf('\r\n.\r\n', at);
    return end === -1 ? undefined : end + 5;
  }
  // RFC 3207 §4: what follows in clear text counts for nothing.
  if (reply === 220) return undefined;
  const [, octets] = /^BDAT +([0-9]{1,20})(?: +LAST)? *$/i.exec(line) ?? [];
  if (octets === undefined) return at;
  return at + Number(octets) <= input.length ? at + Number(octets) : undefined;
}
