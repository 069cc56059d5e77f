// Makes what a token endpoint says about a failure fit for a reason: one short line, in which no secret is left.

const MAX_LENGTH = 240;
/** Shortest piece of a secret that is taken out of a text; a shorter secret only as a whole. */
const PIECE = 12;

/** @param secrets everything that was sent; the endpoint may echo it, in part too. */
export function tidyPeerText(text: string, secrets: readonly string[]): string {
  // Cut before the search, which takes its time; later once more, as what is put in may be longer.
  const line = text.slice(0, 4 * MAX_LENGTH).replace(/[^\x20-\x7e]+/g, ' ');
  const bare = withoutSecrets(line, secrets).replace(TOKEN_LIKE, (run) => (isHarmless(run) ? run : '[...]'));
  return bare.replace(/ {2,}/g, ' ').trim().slice(0, MAX_LENGTH);
}

/** A word as long as a key or a token; percent signs too, for one that was encoded. */
const TOKEN_LIKE = /[A-Za-z0-9_~+/=.%-]{24,}/g;

/** Identifiers of tenants, traces and the like are what an operator searches for; a name has no digits. */
function isHarmless(run: string): boolean {
  return /^\W*[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\W*$/i.test(run) || !/\d/.test(run);
}

function withoutSecrets(text: string, secrets: readonly string[]): string {
  const isSecret = new Array<boolean>(text.length).fill(false);
  for (const secret of secrets.flatMap((one) => [one, encodeURIComponent(one)])) {
    const length = Math.min(secret.length, PIECE);
    // So little hides nothing, and would black out half the text.
    if (length < 4) continue;
    for (let at = 0; at + length <= text.length; at += 1) {
      if (secret.includes(text.slice(at, at + length))) isSecret.fill(true, at, at + length);
    }
  }
  return [...text]
    .map((letter, at) => (isSecret[at] ? (isSecret[at - 1] ? '' : '[secret]') : letter))
    .join('');
}
