// The small language inside the lines of a dialogue: escapes, placeholders that are put in, placeholders that are matched.

const PLACEHOLDER = /\{([a-z0-9-]+)(?::([^{}]*))?\}/g;

/** Turns `\r \n \t \0 \\ \xNN` into the bytes they stand for (latin1). */
export function bytesOf(text: string): string {
  return text.replaceAll(/\\(?:x([0-9a-fA-F]{2})|([rnt0\\]))/g, (_all, hex?: string, letter?: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    return { r: '\r', n: '\n', t: '\t', '0': '\0', '\\': '\\' }[letter ?? ''] ?? '';
  });
}

/** Shows bytes so that a person can read them: the opposite of {@link bytesOf}. */
export function visible(bytes: string): string {
  return bytes
    .replaceAll('\\', '\\\\')
    .replaceAll('\r', '\\r')
    .replaceAll('\n', '\\n')
    .replaceAll('\0', '\\0')
    .replaceAll(/[^\x20-\x7e]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** `user=alice@example.org,token=good` as a record; a word without `=` becomes `{word: ''}`. */
export function parseArguments(text: string): Record<string, string> {
  const pairs = text.split(',').filter((part) => part !== '');
  return Object.fromEntries(
    pairs.map((part) => {
      const at = part.indexOf('=');
      return at === -1 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)];
    }),
  );
}

/** `300ms`, `2s`, `15m`, `1h` in milliseconds. */
export function parseDuration(text: string): number {
  const [, count, unit] = /^\+?(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
  const factor = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit ?? ''];
  if (factor === undefined) throw new Error(`not a duration: ${text}`);
  return Number(count) * factor;
}

/** Makes the text of one placeholder of a client line. */
export type Expansion = (argument: string) => string | Promise<string>;

/** Replaces every `{name:argument}` that has an expansion; anything else in braces stays as it is. */
export async function expand(text: string, expansions: Readonly<Record<string, Expansion>>): Promise<string> {
  let expanded = '';
  let from = 0;
  for (const found of text.matchAll(PLACEHOLDER)) {
    const expansion = expansions[found[1] ?? ''];
    if (!expansion) continue;
    expanded += text.slice(from, found.index) + (await expansion(found[2] ?? ''));
    from = found.index + found[0].length;
  }
  return expanded + text.slice(from);
}

/** `{repeat:998,x}`: the second part as often as the first says. */
export function repeat(argument: string): string {
  const comma = argument.indexOf(',');
  return bytesOf(argument.slice(comma + 1)).repeat(Number(argument.slice(0, comma)));
}

const WEEKDAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
// RFC 5322 §3.3, without the obsolete zones.
const DATE = `${WEEKDAY}, \\d{1,2} ${MONTH} \\d{4} \\d\\d:\\d\\d:\\d\\d [+-]\\d{4}`;

/** What a placeholder of an expected line matches, as the source of a regular expression. */
const PATTERNS: Readonly<Record<string, string>> = {
  any: '[^\\r\\n]*',
  session: '(?<session>[0-9A-Za-z_-]{6,40})',
  date: DATE,
  // IANA's name of a cipher suite.
  cipher: 'TLS_[A-Z0-9_]+',
  'message-id': '<[0-9A-Za-z._-]+@localhost>',
};

/** Whether a line is as expected, and the session id it names where the expectation asks for one. */
export type Expectation = (line: string) => { readonly met: boolean; readonly session?: string | undefined };

/** Compiles an expected line: placeholders match their pattern, everything else itself. */
export function expectation(text: string): Expectation {
  const exact = bytesOf(
    text.replaceAll(PLACEHOLDER, (all, name: string, argument = '') =>
      name === 'repeat' ? repeat(argument).replaceAll('\\', '\\\\') : all,
    ),
  );
  // A regular expression of 100,000 characters is one too long.
  if (![...exact.matchAll(PLACEHOLDER)].some(([, name = '']) => Object.hasOwn(PATTERNS, name))) {
    return (line) => ({ met: line === exact });
  }
  let source = '';
  let from = 0;
  for (const found of exact.matchAll(PLACEHOLDER)) {
    const pattern = PATTERNS[found[1] ?? ''];
    if (pattern === undefined) continue;
    source += literal(exact.slice(from, found.index)) + pattern;
    from = found.index + found[0].length;
  }
  return matching(new RegExp(`^${source}${literal(exact.slice(from))}$`));
}

/** As {@link expectation}, for a line written as a regular expression. */
export function matching(pattern: RegExp): Expectation {
  return (line) => {
    const match = pattern.exec(line);
    return { met: match !== null, session: match?.groups?.['session'] };
  };
}

function literal(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
