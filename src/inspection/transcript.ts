// Owns the record of what was said on one port, in few and short lines, credentials never in it.

import type { Reply } from './reply.ts';

const MAX_ENTRIES = 1000;
const MAX_TEXT = 500;
const MAX_REPLY_LINES = 40;

export const HIDDEN = '[hidden]';

export class Transcript {
  readonly #entries: string[] = [];

  /** What is done beside the dialogue: a connection opened, a handshake. */
  note(text: string): void {
    this.#add(`-- ${text}`);
  }

  /** A command as it may be shown: whoever sends a credential gives a text without it. */
  sent(shown: string): void {
    this.#add(`C: ${shown}`);
  }

  received({ code, lines }: Reply): void {
    const shown = lines.slice(0, MAX_REPLY_LINES);
    shown.forEach((line, index) => {
      this.#add(`S: ${code}${index < lines.length - 1 ? '-' : ' '}${line}`);
    });
    if (lines.length > shown.length) this.#add(`-- ${lines.length - shown.length} more lines`);
  }

  get entries(): readonly string[] {
    return this.#entries;
  }

  #add(text: string): void {
    if (this.#entries.length > MAX_ENTRIES) return;
    if (this.#entries.length === MAX_ENTRIES) this.#entries.push('-- the rest is left out');
    else this.#entries.push(text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text);
  }
}
