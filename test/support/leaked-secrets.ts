// Looks for credentials in a journal: whole, in part, in base64, in base64 of the JSON or SASL text around them.

/** Shortest piece of a credential whose appearance counts as a leak; pieces of the same token's header are that long. */
const PIECE = 24;

/** Every journal line that holds one of the secrets or a telling part of it, shortened; empty where there is none. */
export function leakedSecrets(journal: readonly string[], secrets: Iterable<string>): string[] {
  const pieces = [...secrets].flatMap(piecesOf);
  return journal
    .filter((line) => pieces.some((piece) => line.includes(piece)))
    .map((line) => line.slice(0, 400));
}

function piecesOf(secret: string): string[] {
  // Base64 of a text inside a longer text depends on where it begins, modulo 3: all three, without the uncertain ends.
  const shifted = [0, 1, 2].map((shift) =>
    Buffer.from(' '.repeat(shift) + secret)
      .toString('base64')
      .slice(4, -4),
  );
  const forms = [secret, encodeURIComponent(secret), ...shifted].filter((form) => form.length >= 4);
  return forms.flatMap((form) => (form.length <= 2 * PIECE ? [form] : windows(form)));
}

// Any 2·PIECE − 1 characters in a row hold one whole window.
function windows(text: string): string[] {
  const found: string[] = [];
  for (let at = 0; at + PIECE <= text.length; at += PIECE) found.push(text.slice(at, at + PIECE));
  return found;
}
