// Owns how the pages look: one stylesheet, light and dark, readable from a phone to a wide screen.

import { createHash } from 'node:crypto';

// Contrast: text 12:1 and more, muted text 5.5:1 and more, the button 5:1 and more, in either scheme (WCAG 2.2 §1.4.3 asks 4.5:1).
const STYLES = `
:root {
  color-scheme: light dark;
  --ground: #eef1f4; --card: #fff; --text: #1c2530; --muted: #52606d; --line: #d3dae1;
  --accent: #0b5cad; --accent-strong: #084a8d; --on-accent: #fff; --tint: #f3f7fb;
  --shadow: 0 1px 2px rgb(16 24 40 / 6%), 0 8px 24px rgb(16 24 40 / 8%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161b; --card: #1b2128; --text: #e8edf2; --muted: #a3b1be; --line: #36414c;
    --accent: #7ab8f5; --accent-strong: #a3cff8; --on-accent: #0c1826; --tint: #222a33;
    --shadow: none;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; min-height: 100vh; min-height: 100dvh; display: flex; flex-direction: column; align-items: center;
  padding: clamp(1rem, 5vw, 4rem) 1rem 1.5rem; background: var(--ground); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
}
header, main, footer { width: 100%; max-width: 31rem; }
header { display: flex; align-items: center; gap: .6rem; margin: 0 0 1rem; color: var(--muted); }
header a { display: inline-flex; align-items: center; gap: .6rem; color: inherit; text-decoration: none; font-weight: 600; }
header a:hover { text-decoration: underline; }
header svg { width: 1.6rem; height: 1.6rem; flex: none; color: var(--accent); }
header span { margin-inline-start: auto; font-size: .875rem; overflow-wrap: anywhere; }
main {
  background: var(--card); border: 1px solid var(--line); border-radius: .75rem; box-shadow: var(--shadow);
  padding: clamp(1.25rem, 5vw, 2rem);
}
h1 { margin: 0 0 .75rem; font-size: 1.45rem; line-height: 1.25; letter-spacing: -.01em; overflow-wrap: anywhere; }
h2 { margin: 1.5rem 0 .25rem; font-size: .8125rem; font-weight: 600; letter-spacing: .04em; color: var(--muted); }
p { margin: 0 0 1rem; overflow-wrap: anywhere; }
main > :last-child { margin-bottom: 0; }
ul { margin: 0; padding: 0; list-style: none; }
li { padding: .6rem 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
li:first-child { border-top: 0; }
li strong { font-weight: 600; }
.note, footer { color: var(--muted); font-size: .875rem; }
.note { margin: 1rem 0 0; }
.box { background: var(--tint); border: 1px solid var(--line); border-radius: .5rem; padding: .25rem 1rem; }
code { font: .9em/1.4 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
bdi { unicode-bidi: isolate; }
a { color: var(--accent); text-underline-offset: .15em; }
a:hover { color: var(--accent-strong); }
label { display: block; margin: 0 0 .35rem; font-weight: 600; }
input[type=text] {
  width: 100%; min-height: 2.9rem; padding: .6rem .9rem; border: 1px solid var(--muted); border-radius: .5rem;
  background: var(--card); color: var(--text); font: inherit;
}
.code, input.code { font: 1.5rem/1.4 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; letter-spacing: .08em; text-align: center; }
input.code { text-transform: uppercase; }
.problem { margin-top: 1rem; padding: .6rem 1rem; border-inline-start: 4px solid var(--accent); background: var(--tint); }
.answers { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.75rem 0 0; }
button, .button {
  flex: 1 1 8rem; min-height: 2.9rem; padding: .6rem 1.25rem; border-radius: .5rem; border: 1px solid var(--accent);
  font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer;
  background: transparent; color: var(--accent);
}
button.primary, .button.primary { background: var(--accent); color: var(--on-accent); }
button:hover, .button:hover { border-color: var(--accent-strong); color: var(--accent-strong); }
button.primary:hover, .button.primary:hover { background: var(--accent-strong); color: var(--on-accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: .4rem; }
dl { margin: 0; }
dt { color: var(--muted); font-size: .875rem; margin-top: .6rem; }
dd { margin: 0 0 .6rem; overflow-wrap: anywhere; }
footer { margin-top: 1rem; }
footer p { margin: 0; }
@media (max-width: 26rem) { .answers { flex-direction: column; } button, .button { flex: none; width: 100%; } }
@media (forced-colors: active) { main, .box, button, .button { border: 1px solid; } }
@media print { .answers { display: none; } }
`;

export const STYLESHEET = STYLES.trim();

const VERSION = createHash('sha256').update(STYLESHEET).digest('base64url').slice(0, 12);

/** Changes with the text, so that a browser may keep it for good. */
export const STYLESHEET_PATH = `/assets/${VERSION}.css`;
export const ICON_PATH = '/assets/icon.svg';

/** A gate with its small side door, which is what the name means. */
const GATE =
  'M4 28V14C4 7.4 9.4 3 16 3s12 4.4 12 11v14h-4V14c0-4.4-3.6-7-8-7s-8 2.6-8 7v14z M12 28v-8a4 4 0 0 1 8 0v8z';

export const GATE_PATH = GATE;

export const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path fill="#2f7fd1" d="${GATE}"/></svg>`;
