// Owns the syntax of a Message-ID (RFC 5322 §3.6.4 and §4.5.4).

import { isUtf8 } from 'node:buffer';
import { withoutComments } from './structured-text.ts';

const ATOM = "[\\w!#$%&'*+\\-/=?^`{|}~\\x80-\\xff]+";
const WORD = `(?:${ATOM}|"[^"\\\\]*(?:\\\\[\\s\\S][^"\\\\]*)*")`;
// dot-atom-text and no-fold-literal; with the space that comments leave it is the obsolete syntax.
const MESSAGE_ID = new RegExp(
  `^< ?${WORD}(?: ?\\. ?${WORD})* ?@ ?(?:${ATOM}(?: ?\\. ?${ATOM})*|\\[[!-Z^-~\\x80-\\xff]*\\]) ?>$`,
);
const BEYOND_ASCII = /[\x80-\xff]/;

/**
 * Whether the field's value is one identifier that every program reads as one, the obsolete forms included.
 *
 * @param utf8 whether MAIL was given with SMTPUTF8; without it no identifier goes beyond ASCII (RFC 6532 §3.2)
 */
export function isMessageId(value: string, utf8: boolean): boolean {
  const text = withoutComments(value);
  if (text === undefined || !MESSAGE_ID.test(text)) return false;
  return !BEYOND_ASCII.test(text) || (utf8 && isUtf8(Buffer.from(text, 'latin1')));
}
