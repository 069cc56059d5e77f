// Owns how pages call a program: by the operator's word, or as what it says of itself (RFC 7591 §5, RFC 9700 §4.16).

import type { Voucher } from '../open-clients/clients.ts';
import { type Html, html } from './html.ts';

export interface ShownProgram {
  readonly id: string;
  /** The operator's, or the program's own. */
  readonly name: string;
  readonly voucher: Voucher;
}

/** For a sentence. Anybody may call their program anything, so a name alone is left to those that the operator knows. */
export function programInWords({ name, voucher }: ShownProgram): Html {
  switch (voucher.kind) {
    case 'operator':
      return html`<bdi>${name}</bdi>`;
    case 'nobody':
      return html`a program that calls itself “<bdi>${name}</bdi>”`;
    case 'document':
      return html`“<bdi>${name}</bdi>” from ${voucher.host}`;
  }
}

/** For the title of the window, which has no room for a doubt. */
export function programInTitle({ name, voucher }: ShownProgram): string {
  switch (voucher.kind) {
    case 'operator':
      return name;
    case 'nobody':
      return 'an unverified program';
    case 'document':
      return `a program from ${voucher.host}`;
  }
}

/** Name and identifier, for a list of facts. */
export function programInFacts({ id, name, voucher }: ShownProgram): Html {
  switch (voucher.kind) {
    case 'operator':
      return html`<bdi>${name}</bdi> (<code>${id}</code>)`;
    case 'nobody':
      return html`<strong>not verified</strong>; it calls itself “<bdi>${name}</bdi>”`;
    case 'document':
      return html`<strong>not verified</strong>; <code>${voucher.host}</code> calls it “<bdi>${name}</bdi>”`;
  }
}

/** What to think of it where the operator does not know it. */
export function programWarning({ voucher }: ShownProgram): Html | undefined {
  switch (voucher.kind) {
    case 'operator':
      return undefined;
    case 'nobody':
      return html`<p class="note">Nobody here has checked this program: it entered itself, and chose its name. Allow it only if you
are setting up a mail program on your own device right now.</p>`;
    case 'document':
      return html`<p class="note">Nobody here has checked this program. All that is known of it comes from
<code>${voucher.host}</code>; allow it only if you trust whoever has that address.</p>`;
  }
}
