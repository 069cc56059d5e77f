// Owns what the upstream says it can do: its EHLO reply, read (RFC 5321 §4.1.1.1).

export interface Capabilities {
  /** Upper-case EHLO keyword to its parameters as sent. */
  readonly keywords: ReadonlyMap<string, string>;
  /** RFC 1870: largest message taken; undefined where no limit is announced. */
  readonly maxMessageBytes: number | undefined;
}

/**
 * @param reply the whole EHLO reply, lines with their codes, as received
 * @param secure whether it came through TLS
 */
export function readCapabilities(reply: string, { secure }: { secure: boolean }): Capabilities {
  const keywords = new Map<string, string>();
  // The first line is the upstream's name and greeting.
  for (const line of reply.split(/\r?\n/).slice(1)) {
    const [, keyword, parameters] = /^250[ -]([A-Za-z0-9][A-Za-z0-9-]*)[ =]?(.*)$/.exec(line) ?? [];
    if (!keyword) continue;
    const name = keyword.toUpperCase();
    // Some servers say it twice, for old clients as `AUTH=…` too, and not always the same.
    const said = name === 'AUTH' ? (keywords.get(name) ?? '') : '';
    keywords.set(name, `${said} ${parameters ?? ''}`.trim());
  }
  // RFC 8689 §2: offered in clear text it is worth nothing.
  if (!secure) keywords.delete('REQUIRETLS');
  // RFC 3030 §3, RFC 6531 §3.1: of no use without the extension each rests on.
  if (!keywords.has('CHUNKING')) keywords.delete('BINARYMIME');
  if (!keywords.has('8BITMIME')) keywords.delete('SMTPUTF8');
  const size = Number(keywords.get('SIZE'));
  return { keywords, maxMessageBytes: Number.isSafeInteger(size) && size > 0 ? size : undefined };
}

/** What all of them offer; those that are not known yet count for nothing. Undefined where none is known. */
export function inCommon(several: readonly (Capabilities | undefined)[]): Capabilities | undefined {
  const known = several.filter((each) => each !== undefined);
  const [first, ...others] = known;
  if (!first || others.length === 0) return first;
  const shared = [...first.keywords].filter(([keyword]) =>
    others.every(({ keywords }) => keywords.has(keyword)),
  );
  const limits = known.flatMap(({ maxMessageBytes }) => maxMessageBytes ?? []);
  return {
    keywords: new Map(shared),
    maxMessageBytes: limits.length > 0 ? Math.min(...limits) : undefined,
  };
}
