// Owns the pages of the demo's inbox: the list and one message, under /demo/inbox.

import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { InboxMessage } from './inbox-folder.ts';
import { summarize } from './inbox-header.ts';

export const INBOX_PATH = '/demo/inbox';

/** What of a message is shown; the whole of it lies in the file. */
const MAX_SHOWN_BYTES = 256 * 1024;

export interface InboxPage {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface Inbox {
  list(): Promise<InboxMessage[]>;
  read(id: string): Promise<Buffer | undefined>;
}

/** Answers for a request path (without its query): `/demo/inbox` and `/demo/inbox/ID`. */
export function inboxPages(inbox: Inbox): (path: string) => Promise<InboxPage> {
  return async (path) => {
    if (path === INBOX_PATH || path === `${INBOX_PATH}/`) {
      return page(200, 'Demo inbox', listBody(await inbox.list()));
    }
    const id = path.startsWith(`${INBOX_PATH}/`) ? path.slice(INBOX_PATH.length + 1) : '';
    const message = await inbox.read(id);
    return message === undefined
      ? page(
          404,
          'No such message',
          `<p>It was removed, or never came. <a href="${INBOX_PATH}">Back to the inbox</a></p>`,
        )
      : messagePage(id, message);
  };
}

/** Puts the pages into the web server. */
export function mountInbox(app: FastifyInstance, inbox: Inbox): void {
  const pages = inboxPages(inbox);
  for (const route of [INBOX_PATH, `${INBOX_PATH}/:id`]) {
    app.get(route, async (request, reply) => {
      const { status, headers, body } = await pages(request.url.split('?', 1)[0] ?? '');
      return reply.code(status).headers(headers).send(body);
    });
  }
}

function listBody(messages: readonly InboxMessage[]): string {
  const refresh = `<p><a class="button" href="${INBOX_PATH}">Look again</a></p>`;
  if (messages.length === 0) {
    return `<p>Nothing has arrived yet. What Postern hands to the demo’s mail server shows up here.</p>${refresh}`;
  }
  return `<p>What the demo’s mail server took from Postern, newest first.</p>${refresh}
<ul>
${messages.map(item).join('\n')}
</ul>`;
}

function item(message: InboxMessage): string {
  return `<li><a href="${INBOX_PATH}/${message.id}"><bdi>${shown(subjectOf(message))}</bdi></a>
<span><bdi>${shown(message.from)}</bdi> <span aria-hidden="true">→</span><span class="unseen">to</span> <bdi>${shown(message.recipients.join(', '))}</bdi></span>
<span class="muted">${time(message.receivedAt)} UTC · ${size(message.bytes)}</span></li>`;
}

function subjectOf({ subject }: { readonly subject: string }): string {
  return subject.trim() === '' ? '(no subject)' : subject;
}

function messagePage(id: string, message: Buffer): InboxPage {
  const header = summarize(message);
  const text = message.subarray(0, MAX_SHOWN_BYTES).toString('utf8').replaceAll('\r\n', '\n');
  const all = message.length <= MAX_SHOWN_BYTES;
  return page(
    200,
    subjectOf(header),
    `<p><a href="${INBOX_PATH}">Back to the inbox</a></p>
<dl>
<dt>From</dt><dd><bdi>${shown(header.from)}</bdi></dd>
<dt>Sender in the envelope</dt><dd><bdi>${shown(header.mailFrom)}</bdi></dd>
<dt>Recipients in the envelope</dt><dd><bdi>${shown(header.recipients.join(', '))}</bdi></dd>
<dt>File in the demo’s folder</dt><dd><code>inbox/${id}.eml</code>, ${size(message.length)}</dd>
</dl>
<p class="muted">As it arrived, behind the X-Envelope lines that the inbox puts in front.${all ? '' : ` The first ${size(MAX_SHOWN_BYTES)} are shown.`}</p>
<pre tabindex="0" aria-label="Text of the message">${escapeText(text)}</pre>`,
  );
}

const STYLE = `
:root { color-scheme: light dark; --ground: #eef1f4; --card: #fff; --text: #1c2530; --muted: #52606d; --line: #d3dae1; --accent: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #12161b; --card: #1b2128; --text: #e8edf2; --muted: #a3b1be; --line: #36414c; --accent: #7ab8f5; }
}
*, *::before, *::after { box-sizing: border-box; }
body { margin: 0; padding: clamp(1rem, 4vw, 3rem) 1rem; background: var(--ground); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
main { max-width: 52rem; margin: 0 auto; padding: clamp(1rem, 4vw, 2rem); background: var(--card);
  border: 1px solid var(--line); border-radius: .75rem; }
h1 { margin: 0 0 .75rem; font-size: 1.45rem; line-height: 1.25; overflow-wrap: anywhere; }
p { margin: 0 0 1rem; overflow-wrap: anywhere; }
a { color: var(--accent); }
.button { display: inline-block; padding: .45rem 1rem; border: 1px solid var(--accent); border-radius: .5rem; font-weight: 600; text-decoration: none; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
ul { margin: 0; padding: 0; list-style: none; }
li { display: flex; flex-direction: column; gap: .15rem; padding: .85rem 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
li a { font-weight: 600; align-self: flex-start; }
.muted, dt { color: var(--muted); font-size: .875rem; font-variant-numeric: tabular-nums; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
dl { margin: 0 0 1rem; }
dd { margin: 0 0 .5rem; overflow-wrap: anywhere; }
code, pre { font: .875rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre { margin: 0; padding: 1rem; border: 1px solid var(--line); border-radius: .5rem; background: var(--ground); white-space: pre-wrap; overflow-wrap: anywhere; }
bdi { unicode-bidi: isolate; }
`;

// Whatever a message says, the browser runs none of it, loads none of it and sends nothing anywhere.
const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

function page(status: number, title: string, body: string): InboxPage {
  return {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': POLICY,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    },
    body: `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${shown(title)} – Postern demo</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1><bdi>${shown(title)}</bdi></h1>
${body}
</main>
</body>
</html>
`,
  };
}

function time(milliseconds: number): string {
  const iso = new Date(milliseconds).toISOString();
  return `<time datetime="${iso}">${iso.slice(0, 19).replace('T', ' ')}</time>`;
}

function size(bytes: number): string {
  const [value, unit] =
    bytes < 1_000 ? [bytes, 'B'] : bytes < 1_000_000 ? [bytes / 1_000, 'kB'] : [bytes / 1_000_000, 'MB'];
  return `${unit === 'B' ? value : value.toFixed(1)} ${unit}`;
}

/** One line of a stranger's text: cut and harmless. */
function shown(text: string): string {
  const cut = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return escapeText(cut);
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Control characters and marks that reorder text become visible replacements. */
function escapeText(text: string): string {
  return text
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '\ufffd')
    .replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
