// Owns the strict reading of a mailbox-list (RFC 5322 §3.4): only forms that every mail program reads alike.

import { canonicalAddress } from '../address.ts';
import { decodeEncodedWords } from './encoded-word.ts';

export interface Mailbox {
  /** Canonical: domain in lower case, local part as written. */
  readonly address: string;
  /** Unquoted, unfolded, encoded words as they stand; empty where there is none. */
  readonly displayName: string;
}

/** A piece of the list. `spaced` tells of white space before it, which no address may hold. */
interface Token {
  readonly kind: 'word' | 'quoted' | 'comment' | '<' | '>' | '@' | ',';
  readonly text: string;
  readonly spaced: boolean;
}

/** Why a list was not read: one clause for the operator. */
export interface Unclear {
  readonly unclear: string;
}

// More authors than any message has; keeps what has to be compared small.
const MAX_MAILBOXES = 50;

const WHITE_SPACE = /[ \t\r\n]*/y;
const WORD = /[^ \t\r\n"(),:;<>@[\\\]]+/y;
// A comment that no parser can take for an address, a list or a group. One level, nothing quoted.
const COMMENT = /\(([^()<>@,:;"\\]*)\)/y;

/**
 * Reads `mailbox *("," mailbox)`, each `[display-name] <address>` or `address [(comment)]`. No groups, routes, domain
 * literals, empty members, nor white space or comments in the address part, whatever the obsolete syntax of RFC 5322 §4.4 allows.
 */
export function parseMailboxList(text: string): Mailbox[] | Unclear {
  const tokens = readTokens(text);
  if ('unclear' in tokens) return tokens;
  const mailboxes: Mailbox[] = [];
  let start = 0;
  for (let end = 0; end <= tokens.length; end += 1) {
    if (end < tokens.length && tokens[end]?.kind !== ',') continue;
    const mailbox = readMailbox(tokens.slice(start, end));
    if ('unclear' in mailbox) return mailbox;
    mailboxes.push(mailbox);
    if (mailboxes.length > MAX_MAILBOXES) return { unclear: `it has more than ${MAX_MAILBOXES} mailboxes` };
    start = end + 1;
  }
  return mailboxes;
}

function readTokens(text: string): Token[] | Unclear {
  const tokens: Token[] = [];
  let at = 0;
  for (;;) {
    const start = at + matchAt(WHITE_SPACE, text, at).length;
    if (start === text.length) return tokens;
    const kind = kindAt(text.charAt(start));
    if (kind === undefined) return { unclear: SPECIAL[text.charAt(start)] ?? 'it has a stray character' };
    const end = endOfToken(kind, text, start);
    if (end === undefined) return { unclear: `it has a ${kind} that is not plain or not closed` };
    tokens.push({ kind, text: text.slice(start, end), spaced: start > at });
    at = end;
  }
}

const SPECIAL: Readonly<Record<string, string>> = {
  ':': 'it has group syntax or a route',
  ';': 'it has group syntax',
  '[': 'it has a domain literal',
  ']': 'it has a domain literal',
  '\\': 'it has a backslash outside quotes',
  ')': 'it has a comment that is not opened',
};

function kindAt(character: string): Token['kind'] | undefined {
  if (character === '"') return 'quoted';
  if (character === '(') return 'comment';
  if (character === '<' || character === '>' || character === '@' || character === ',') return character;
  return Object.hasOwn(SPECIAL, character) ? undefined : 'word';
}

function endOfToken(kind: Token['kind'], text: string, start: number): number | undefined {
  if (kind === 'quoted') return endOfQuotes(text, start);
  if (kind === 'word') return start + matchAt(WORD, text, start).length;
  if (kind !== 'comment') return start + 1;
  const comment = matchAt(COMMENT, text, start);
  return comment === '' ? undefined : start + comment.length;
}

function endOfQuotes(text: string, start: number): number | undefined {
  for (let at = start + 1; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '"') return at + 1;
    if (character !== '\\') continue;
    at += 1;
    // RFC 5322 §3.2.1: a quoted-pair is printable. A fold after the backslash would be one thing or the other.
    if (text.charAt(at) === '\r') return undefined;
  }
  return undefined;
}

function matchAt(pattern: RegExp, text: string, at: number): string {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0] ?? '';
}

function readMailbox(tokens: readonly Token[]): Mailbox | Unclear {
  if (tokens.length === 0) return { unclear: 'it has an empty member' };
  const angle = tokens.findIndex((token) => token.kind === '<');
  return angle < 0 ? readBareAddress(tokens) : readNamedAddress(tokens, angle);
}

// `alice@example.org (Alice)` is how cron and old mail programs still write a name.
function readBareAddress(tokens: readonly Token[]): Mailbox | Unclear {
  const last = tokens.at(-1);
  const comment = last?.kind === 'comment' ? last : undefined;
  const displayName = comment ? unfold(comment.text.slice(1, -1)) : '';
  const [first, ...others] = comment ? tokens.slice(0, -1) : tokens;
  if (first === undefined) return { unclear: 'it has a comment and no address' };
  return makeMailbox([{ ...first, spaced: false }, ...others], displayName);
}

function readNamedAddress(tokens: readonly Token[], angle: number): Mailbox | Unclear {
  const name = tokens.slice(0, angle);
  if (!name.every((token) => token.kind === 'word' || token.kind === 'quoted')) {
    return { unclear: 'its display name has a comment or an unquoted special character' };
  }
  const last = tokens.at(-1);
  if (last?.kind !== '>' || last.spaced) return { unclear: 'something stands between < and > or after it' };
  return makeMailbox(tokens.slice(angle + 1, -1), name.map(nameText).join('').trimStart());
}

function makeMailbox(addressTokens: readonly Token[], displayName: string): Mailbox | Unclear {
  const [localPart, at, domain, ...more] = addressTokens;
  const plain =
    (localPart?.kind === 'word' || localPart?.kind === 'quoted') &&
    at?.kind === '@' &&
    domain?.kind === 'word';
  if (!plain || more.length > 0)
    return { unclear: 'it has something other than one plain address in a member' };
  if (addressTokens.some((token) => token.spaced))
    return { unclear: 'it has white space or folding in an address' };

  // Programs that lose the quotes of "admin@example.com"@example.org read another address, or two.
  if (localPart.kind === 'quoted' && /[()<>[\]:;@\\,"]/.test(localPart.text.slice(1, -1))) {
    return { unclear: 'it has special characters in a quoted local part' };
  }
  const written = `${localPart.text}@${domain.text}`;
  if (written.includes('=?')) return { unclear: 'it has an encoded word in an address (RFC 2047 §5)' };
  const address = canonicalAddress(written);
  if (address === undefined) return { unclear: 'it has an address that is not well-formed' };
  const fault = displayNameFault(displayName);
  return fault === undefined ? { address, displayName } : { unclear: fault };
}

// What a name says is not judged, but it must not become an address or a line of its own in a program that decodes or
// unquotes first and looks for addresses afterwards ("Composition Kills" A10 and A13, Mailsploit).
function displayNameFault(displayName: string): string | undefined {
  const shown = decodeEncodedWords(displayName);
  if (/[\0\r\n]/.test(shown)) return 'its display name hides a NUL or a line break';
  // It reverses what is shown after it, the address ("Weak Links in Authentication Chains").
  if (/[\u202d\u202e]/.test(shown)) return 'its display name overrides the direction of text';
  if (shown.includes('@') && /[<>]/.test(shown)) return 'its display name holds an address in angle brackets';
  return undefined;
}

function nameText(token: Token): string {
  const text = token.kind === 'quoted' ? token.text.slice(1, -1).replace(/\\(.)/g, '$1') : token.text;
  return (token.spaced ? ' ' : '') + unfold(text);
}

// RFC 5322 §2.2.3: folding is undone by taking out the CRLF.
function unfold(text: string): string {
  return text.replace(/\r\n(?=[ \t])/g, '');
}
