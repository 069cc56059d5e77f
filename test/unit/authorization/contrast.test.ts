import { expect, test } from 'vitest';
import { STYLESHEET } from '../../../src/authorization/pages/stylesheet.ts';

const [light, dark] = STYLESHEET.split('@media (prefers-color-scheme: dark)').map(
  (part) =>
    new Map([...part.matchAll(/--([\w-]+): (#[0-9a-f]{3,6})\b/g)].map(([, name, value]) => [name, value])),
);

function luminance(color: string): number {
  const long = color.length === 4 ? color.replace(/[0-9a-f]/g, '$&$&') : color;
  const [red = 0, green = 0, blue = 0] = [1, 3, 5]
    .map((at) => Number.parseInt(long.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

// WCAG 2.2 §1.4.3 and §1.4.11: 4.5 for text, 3 for what shows where a control or the focus is.
test.each([
  ['text', 'card', 4.5],
  ['text', 'tint', 4.5],
  ['muted', 'card', 4.5],
  ['muted', 'tint', 4.5],
  ['muted', 'ground', 4.5],
  ['accent', 'card', 4.5],
  ['accent', 'ground', 3],
  ['accent-strong', 'card', 4.5],
  ['on-accent', 'accent', 4.5],
  ['on-accent', 'accent-strong', 4.5],
])('%s on %s has a contrast of %d in either scheme', (text, ground, least) => {
  for (const scheme of [light, dark]) {
    const [one, other] = [scheme?.get(text), scheme?.get(ground)].map((color) =>
      luminance(color ?? 'missing'),
    );
    const [lighter, darker] = [Math.max(one ?? 0, other ?? 0), Math.min(one ?? 0, other ?? 0)];
    expect((lighter + 0.05) / (darker + 0.05)).toBeGreaterThanOrEqual(least);
  }
});
