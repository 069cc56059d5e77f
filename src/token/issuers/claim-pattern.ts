// Patterns for subjects and claims of workloads: strict enough that a name somebody else chose cannot reach across a border.

/** What sets the parts of a name apart: `system:serviceaccount:NAMESPACE:NAME`, `repo:OWNER/NAME:ref:…`, `NAME@PROJECT`. */
const SEPARATOR = /[:/@]/;

/**
 * Compiles a pattern: `*` for one or more characters that are no separator, everything else for itself, all of the text. In one
 * walk, not by a regular expression: those of many stars take minutes over some texts.
 */
export function claimPattern(pattern: string): (text: string) => boolean {
  const [first = '', ...others] = pattern.split('*');
  const last = others.pop();
  if (last === undefined) return (text) => text === pattern;
  return (text) => {
    if (!text.startsWith(first)) return false;
    let at = first.length;
    for (const part of others) {
      // The first place is as good as any later one: what lies between two places holds no separator, or the later is too far.
      const found = text.indexOf(part, at + 1);
      if (found < 0 || SEPARATOR.test(text.slice(at, found))) return false;
      at = found + part.length;
    }
    const end = text.length - last.length;
    return end > at && text.endsWith(last) && !SEPARATOR.test(text.slice(at, end));
  };
}

/** In one phrase, why a pattern says something else than its writer means; undefined where it does not. */
export function patternFault(pattern: string): string | undefined {
  if (pattern.includes('**')) return 'holds **; a * never goes beyond a separator (:, / or @)';
  if (!/[^*:/@]/.test(pattern)) return 'names nothing: whoever the issuer knows would fit';
  // Of a public platform everybody may have an account, and name what is theirs as they like.
  if (/(^|:)(repo|project_path|repository_owner|namespace_path|organization):[^:/@]*\*/.test(pattern))
    return 'lets strangers in: the owner must be named in full, without a *';
  return undefined;
}
