// Owns the reading of a structured field's value past its comments and folding (RFC 5322 §3.2.2).

const SPACE = /[ \t\r\n]+/g;
const SPACE_HERE = /[ \t\r\n]*/y;
const QUOTED = /"[^"\\]*(?:\\[\s\S][^"\\]*)*"/y;
const TEXT = /[^ \t\r\n"(]+/y;
const ORDINARY = /^[^"(]*$/;

/**
 * The value with each run of comments and white space as one space, none at either end; quoted strings stay as they are, but for
 * their folding. Undefined where a comment or a quoted string has no end.
 */
export function withoutComments(text: string): string | undefined {
  if (ORDINARY.test(text)) return trimmed(text.replace(SPACE, ' '));
  const parts: string[] = [];
  let at = matchAt(SPACE_HERE, text, 0);
  while (at < text.length) {
    const end = endOfPart(text, at);
    if (end === undefined) return undefined;
    const isComment = text[at] === '(';
    if (!isComment) parts.push(text.slice(at, end).replaceAll('\r\n', ''));
    at = end + matchAt(SPACE_HERE, text, end);
    const isSpace = isComment || at > end;
    if (isSpace && parts.length > 0 && parts.at(-1) !== ' ') parts.push(' ');
  }
  return trimmed(parts.join(''));
}

function endOfPart(text: string, start: number): number | undefined {
  if (text[start] === '(') return endOfComment(text, start);
  const length = matchAt(text[start] === '"' ? QUOTED : TEXT, text, start);
  return length === 0 ? undefined : start + length;
}

/** Comments nest, and a backslash takes the next character along (RFC 5322 §3.2.2). */
function endOfComment(text: string, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (character === '\\') at += 1;
    else if (character === '(') depth += 1;
    else if (character === ')') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return undefined;
}

function matchAt(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0].length ?? 0;
}

// Not trim(): it would also take NBSP and other octets that are no white space in a header.
function trimmed(text: string): string {
  return text.slice(text.startsWith(' ') ? 1 : 0, text.endsWith(' ') ? -1 : undefined);
}
