// The demo identity provider's pages: plain HTML that works without JavaScript.

import type { ErrorOut, KoaContextWithOIDC } from 'oidc-provider';

export const STYLE_PATH = '/style.css';

// No form-action: browsers apply it to the redirects that follow a form too, and those lead through Postern to a
// mail program's loopback address, whose port is not known here.
// script-src is named, so that oidc-provider can add the hash of the one script it writes itself (a form that submits
// itself at sign-out); a policy without it would leave that page blank.
export const PAGE_POLICY =
  "default-src 'none'; script-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; img-src data:";

export const STYLE = `
:root { color-scheme: light dark; font: 1.05rem/1.5 system-ui, sans-serif; }
body { margin: 0; padding: 2rem 1rem; }
main { max-width: 24rem; margin: 0 auto; }
label { display: block; margin-top: 1rem; }
input { display: block; width: 100%; box-sizing: border-box; font: inherit; padding: .5rem; }
button { font: inherit; padding: .5rem 1.25rem; margin: 1.5rem .5rem 0 0; }
.error { border-left: .3rem solid #c00; padding-left: .75rem; }
.note { opacity: .75; font-size: .9rem; }
`;

export function signInPage(form: { readonly login: string; readonly error?: string }): string {
  const error = form.error === undefined ? '' : `<p class="error" role="alert">${escapeHtml(form.error)}</p>`;
  const focus = form.login === '' ? ['autofocus', ''] : ['', 'autofocus'];
  return page(
    'Sign in',
    `${error}<form method="post">
<label>Login <input name="login" value="${escapeHtml(form.login)}" autocomplete="username" required ${focus[0]}></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required ${focus[1]}></label>
<button type="submit">Sign in</button>
<button type="submit" name="cancel" value="yes" formnovalidate>Cancel</button>
</form>
<p class="note">This identity provider belongs to the demonstration. Its people are alice and bob, and their password is “demo”.</p>`,
  );
}

export function messagePage(title: string, text: string): string {
  return page(title, `<p>${escapeHtml(text)}</p>`);
}

export async function errorPage(context: KoaContextWithOIDC, out: ErrorOut): Promise<void> {
  const detail = [out.error, out.error_description].filter(Boolean).join(': ');
  context.type = 'html';
  context.body = messagePage(
    'Sign-in is not possible',
    `${detail}. Go back to the program you came from and start again.`,
  );
}

export async function endSessionPage(context: KoaContextWithOIDC, form: string): Promise<void> {
  context.body = page(
    'Sign out?',
    `${form}<p>Sign out of the demo identity provider?</p>
<button type="submit" form="op.logoutForm" name="logout" value="yes" autofocus>Sign out</button>
<button type="submit" form="op.logoutForm">Stay signed in</button>`,
  );
}

export async function signedOutPage(context: KoaContextWithOIDC): Promise<void> {
  context.type = 'html';
  context.body = messagePage('Signed out', 'You are signed out of the demo identity provider.');
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} – demo identity provider</title>
<link rel="stylesheet" href="${STYLE_PATH}">
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${body}
</main>
</body>
</html>
`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
