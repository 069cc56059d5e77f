// Owns the frame around every page: head, landmarks, and the headers that go with it.

import { type Html, html, markup } from './html.ts';
import { GATE_PATH, ICON_PATH, STYLESHEET_PATH } from './stylesheet.ts';

export interface Page {
  readonly status: number;
  readonly title: string;
  /** What stands in `<main>`, beginning with its `<h1>`. */
  readonly main: Html;
  /** Where its forms may lead besides Postern itself: `form-action` counts for redirects after a POST, too. */
  readonly formAction?: string | undefined;
  /** Seconds after which trying again makes sense. */
  readonly retryAfter?: number | undefined;
  /** Path at which the browser goes on by itself. */
  readonly goOn?: string | undefined;
}

/** What the pages call the place. */
export interface Site {
  /** Host name of the mail service, for people. */
  readonly hostname: string;
  /** What people call the identity provider. */
  readonly identityProvider: string;
}

/** The whole page as text. */
export function documentOf(page: Page, site: Site): string {
  return markup(html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${page.title} – Postern</title>
<link rel="stylesheet" href="${STYLESHEET_PATH}">
<link rel="icon" href="${ICON_PATH}" type="image/svg+xml">
</head>
<body>
<header>
<a href="/"><svg viewBox="0 0 32 32" aria-hidden="true" focusable="false"><path fill="currentColor" d="${GATE_PATH}"/></svg>Postern</a>
<span>${site.hostname}</span>
</header>
<main>
${page.main}
</main>
<footer><p>Mail without passwords. Postern never asks for one; only ${site.identityProvider} does.</p></footer>
</body>
</html>
`);
}

/** The headers that a page needs beyond those of every answer. */
export function pageHeaders(page: Pick<Page, 'formAction' | 'retryAfter' | 'goOn'>): Record<string, string> {
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': contentSecurityPolicy(page.formAction),
    ...(page.retryAfter === undefined ? {} : { 'retry-after': String(page.retryAfter) }),
    ...(page.goOn === undefined ? {} : { refresh: `0; url=${page.goOn}` }),
  };
}

/**
 * Nothing is loaded but Postern's own stylesheet and icon, no script runs, no other page may frame it (clickjacking), and
 * an injected form could lead nowhere else.
 */
export function contentSecurityPolicy(formAction?: string): string {
  const forms = formAction === undefined ? "'self'" : `'self' ${formAction}`;
  return [
    "default-src 'none'",
    "style-src 'self'",
    "img-src 'self'",
    `form-action ${forms}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ].join('; ');
}
