// Owns what the upstream says it can do: its EHLO reply, read (RFC 5321 §4.1.1.1).

export interface Capabilities {
  /** Upper-case EHLO keyword to its parameters as sent. */
  readonly keywords: ReadonlyMap<string, string>;
  /** RFC 1870: largest message taken; undefined where no limit is announced. */
  readonly maxMessageBytes: number | undefined;
}

/** @param reply the whole EHLO reply, lines with their codes, as received */
export function readCapabilities(reply: string): Capabilities {
  const keywords = new Map<string, string>();
  // The first line is the upstream's name and greeting.
  for (const line of reply.split(/\r?\n/).slice(1)) {
    const [, keyword, parameters] = /^250[ -]([A-Za-z0-9][A-Za-z0-9-]*)[ =]?(.*)$/.exec(line) ?? [];
    if (keyword) keywords.set(keyword.toUpperCase(), (parameters ?? '').trim());
  }
  const size = Number(keywords.get('SIZE'));
  return { keywords, maxMessageBytes: Number.isSafeInteger(size) && size > 0 ? size : undefined };
}
