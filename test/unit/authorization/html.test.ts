import fc from 'fast-check';
import { expect, test } from 'vitest';
import { html, markup } from '../../../src/authorization/pages/html.ts';

test('text is escaped, as text and in attributes', () => {
  const name = `<script>alert(1)</script>"'\`&`;
  const page = markup(html`<p title="${name}">${name}</p>`);
  expect(page).toBe(
    '<p title="&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&#96;&amp;">' +
      '&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&#96;&amp;</p>',
  );
});

test('markup stays, lists are joined, nothing is left of undefined and false', () => {
  const items = ['a', '<b>'].map((item) => html`<li>${item}</li>`);
  expect(markup(html`<ul>${items}${undefined}${false}</ul>${0}`)).toBe(
    '<ul><li>a</li><li>&lt;b&gt;</li></ul>0',
  );
});

test('an object that looks like markup is not taken for it', () => {
  const forged = JSON.parse('{"made by html``":"<script>","Symbol(made by html``)":"<script>"}');
  expect(() => markup(html`${forged}`)).toThrow();
});

test('no text leaves its place, whatever it holds', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const inside = markup(html`${text}`);
      expect(inside).not.toMatch(/[<>"'`]/);
      expect(inside.replace(/&(amp|lt|gt|quot|#39|#96);/g, '')).not.toContain('&');
    }),
  );
});
