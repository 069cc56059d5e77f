// Owns the pages around the browser session: who is signed in, signing out, having signed out.

import type { Page } from './document.ts';
import { html } from './html.ts';

interface Service {
  readonly issuer: string;
  readonly hostname: string;
}

/** The start page; `addresses` of whoever is signed in, undefined where nobody is. */
export function startPage(service: Service, addresses: readonly string[] | undefined): Page {
  return {
    status: 200,
    title: addresses === undefined ? 'Nobody is signed in' : 'You are signed in',
    main:
      addresses === undefined
        ? html`<h1>Nobody is signed in</h1>
<p>You need not sign in here. Your mail program opens this site by itself when it wants to send mail for you.</p>
${settings(service)}`
        : html`<h1>You are signed in</h1>
<p>This browser is signed in as <strong><bdi>${addresses[0]}</bdi></strong>.${
            addresses.length > 1 &&
            html` You may also send as
${addresses.slice(1).map((address, index) => html`${index > 0 && ', '}<bdi>${address}</bdi>`)}.`
          }</p>
${settings(service)}
<p class="answers"><a href="/session/end" class="button">Sign out</a></p>`,
  };
}

function settings({ issuer, hostname }: Service) {
  return html`<h2 id="settings">To connect a mail program</h2>
<dl class="box" aria-labelledby="settings">
<dt>Server for outgoing mail</dt><dd><code>${hostname}</code></dd>
<dt>Way of signing in</dt><dd>OAuth 2.0 (<code>OAUTHBEARER</code> or <code>XOAUTH2</code>)</dd>
<dt>Issuer, where the program asks for it</dt><dd><code>${issuer}</code></dd>
</dl>`;
}

/** Asks before signing out: a link alone must not do it. `secret` proves that the answer comes from this page. */
export function signOutPage(form: { readonly action: string; readonly secret: string }): Page {
  return {
    status: 200,
    title: 'Sign out?',
    main: html`<h1>Sign out?</h1>
<p>This browser will forget you. Mail programs that you have allowed go on sending.</p>
<form method="post" action="${form.action}" class="answers">
<input type="hidden" name="xsrf" value="${form.secret}">
<button type="submit" name="logout" value="yes" class="primary">Sign out</button>
<a href="/" class="button">Stay signed in</a>
</form>`,
  };
}

/** After signing out. `endSessionUrl` leads to the same at the identity provider, where it offers that. */
export function signedOutPage(provider: {
  readonly name: string;
  readonly endSessionUrl: string | undefined;
}): Page {
  return {
    status: 200,
    title: 'You are signed out',
    main: html`<h1>You are signed out</h1>
<p>This browser is no longer signed in here.</p>
<h2>What to do next</h2>
<p>You may still be signed in at ${provider.name}. On a computer that others use, ${
      provider.endSessionUrl === undefined
        ? 'sign out there as well, or close the browser'
        : html`<a href="${provider.endSessionUrl}" rel="noreferrer">sign out there</a> as well`
    }.</p>`,
  };
}
