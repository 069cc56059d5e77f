// Owns the only way markup is made: a tagged template that escapes every value, so that no text becomes markup by mistake.

const MADE = Symbol('made by html``');

/** Finished markup. Only {@link html} makes it. */
export interface Html {
  readonly [MADE]: string;
}

/** What may stand in a template: text is escaped, markup stays, lists are joined, `undefined` and `false` leave nothing. */
export type Value = string | number | Html | undefined | false | readonly Value[];

/**
 * Markup from a template. Values are safe as text and inside double-quoted attributes, nowhere else: an attribute without
 * quotes, a script or a style would need other escapes, and no page has one.
 */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  const parts = strings.map((text, index) => text + (index < values.length ? render(values[index]) : ''));
  return { [MADE]: parts.join('') };
}

/** The text of finished markup, for the wire. */
export function markup(page: Html): string {
  return page[MADE];
}

function render(value: Value): string {
  if (value === undefined || value === false) return '';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return escapeText(value);
  if (MADE in value) return value[MADE];
  return value.map(render).join('');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

function escapeText(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => ESCAPES[character] ?? '');
}
