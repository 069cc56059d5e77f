// Owns which names an unknown program may give itself: readable ones that show what they hold.

export interface NameFault {
  readonly fault: string;
}

const MAX_CHARACTERS = 60;
// No control, format or bidirectional character, no line end, nothing that is not seen (UTR #36 §2, §3).
const READABLE = /^[\p{L}\p{N}][\p{L}\p{M}\p{N} .,'’&()+\-_:!/]*$/u;
// Among the letters there are some that show nothing, such as the Hangul fillers; a heap of marks paints over its neighbours.
const UNSEEN = /\p{Default_Ignorable_Code_Point}|\p{M}{3}/u;
// Scripts whose letters look like each other's (UTS #39 §5): in one name together they are there to deceive.
const LOOK_ALIKE = [
  /\p{Script=Latin}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Armenian}/u,
  /\p{Script=Cherokee}/u,
  /\p{Script=Coptic}/u,
  /\p{Script=Lisu}/u,
];

/** The name as it is shown, or what is wrong with it. No name of a program is verified; the consent page says so. */
export function readClientName(text: unknown): { readonly name: string } | NameFault {
  if (typeof text !== 'string') return { fault: 'client_name is not a text' };
  // A long one first: normalising may take long.
  if (text.length > 4 * MAX_CHARACTERS) return tooLong();
  // Compatibility forms (full-width, mathematical, circled letters) become the plain letters that they pass for.
  const name = text.normalize('NFKC').trim();
  if (name === '') return { fault: 'client_name is empty; leave it out or give one' };
  if ([...name].length > MAX_CHARACTERS) return tooLong();
  if (!READABLE.test(name) || UNSEEN.test(name) || /\s{2}|:\/\//.test(name)) {
    return {
      fault:
        "client_name may hold letters, digits, single spaces and . , ' & ( ) + - _ : ! / and begins with a letter or digit",
    };
  }
  if (LOOK_ALIKE.filter((script) => script.test(name)).length > 1) {
    return { fault: 'client_name mixes letters of several scripts that look alike' };
  }
  if (skeleton(name).includes('postern'))
    return { fault: 'client_name must not contain the name of this server' };
  return { name };
}

function tooLong(): NameFault {
  return { fault: `client_name is longer than ${MAX_CHARACTERS} characters` };
}

/** What is left of a name for someone who reads fast. */
function skeleton(name: string): string {
  return name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll('0', 'o')
    .replace(/[1!|]/g, 'l')
    .replaceAll('5', 's')
    .replaceAll('3', 'e')
    .replace(/[^\p{L}]/gu, '');
}
