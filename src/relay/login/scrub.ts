// Takes secrets out of what an upstream says: some quote the command that they did not like.

/** What is shorter is no longer a piece of a secret worth hiding, unless it is all of it. */
const PIECE = 8;

/**
 * Replaces everything that stands in a secret too, whole or a piece of it of {@link PIECE} characters, in whatever case.
 * Words of the secrets that happen to be in the text for another reason go with it.
 *
 * @param text printable ASCII
 */
export function scrub(text: string, secrets: readonly string[]): string {
  const low = text.toLowerCase();
  const hidden = new Array<boolean>(text.length).fill(false);
  for (const secret of secrets.map(asPrinted)) {
    const length = Math.min(PIECE, secret.length);
    if (length === 0) continue;
    const pieces = new Set<string>();
    for (let at = 0; at + length <= secret.length; at += 1) pieces.add(secret.slice(at, at + length));
    for (let at = 0; at + length <= low.length; at += 1)
      if (pieces.has(low.slice(at, at + length))) hidden.fill(true, at, at + length);
  }
  let scrubbed = '';
  hidden.forEach((hide, at) => {
    if (!hide) scrubbed += text[at];
    else if (!hidden[at - 1]) scrubbed += '[secret]';
  });
  return scrubbed;
}

/** As {@link ReplyReader} would give it back: octets beyond ASCII as question marks. */
function asPrinted(secret: string): string {
  return Buffer.from(secret, 'utf8')
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, '?')
    .toLowerCase();
}
