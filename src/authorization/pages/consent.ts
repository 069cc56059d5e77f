// Owns the consent page: which program asks, where its answer goes, what it may do.

import type { RedirectTarget } from '../redirect-target.ts';
import { MAIL_SCOPES } from '../scopes.ts';
import type { Page } from './document.ts';
import { type Html, html } from './html.ts';

export interface ConsentRequest {
  readonly client: { readonly id: string; readonly name: string };
  readonly target: RedirectTarget;
  readonly scopes: readonly string[];
  /** Never empty. */
  readonly addresses: readonly string[];
  /** Where the answer is posted. */
  readonly action: string;
  /** How long the answer holds, milliseconds. */
  readonly lifetime: number;
}

export function consentPage(request: ConsentRequest): Page {
  const { client, addresses, scopes } = request;
  const sends = MAIL_SCOPES.some((scope) => scopes.includes(scope));
  const mayDo = permissions(request);
  return {
    status: 200,
    title: `Allow ${client.name}?`,
    formAction: request.target.formAction,
    main: html`<h1>Allow <bdi>${client.name}</bdi> to ${sends ? 'send mail as you' : 'know who you are'}?</h1>
<p>You are signed in as <strong><bdi>${addresses[0]}</bdi></strong>.</p>
<h2 id="may">It will be able to</h2>
<ul class="box" aria-labelledby="may">
${mayDo.map((item) => html`<li>${item}</li>\n`)}</ul>
<h2 id="who">Who asks, and where your answer goes</h2>
<dl class="box" aria-labelledby="who">
<dt>Program</dt>
<dd><bdi>${client.name}</bdi> (<code>${client.id}</code>)</dd>
<dt>Answer goes to</dt>
<dd>${destination(request.target)}</dd>
</dl>
<p class="note">If you did not start this yourself just now, choose Deny.</p>
<form method="post" action="${request.action}" class="answers">
<button type="submit" name="answer" value="allow" class="primary">Allow</button>
<button type="submit" name="answer" value="deny">Deny</button>
</form>
<p class="note">Not <bdi>${addresses[0]}</bdi>? <a href="/session/end">Sign out</a>, then start again in the program.</p>`,
  };
}

function permissions({ scopes, addresses, lifetime }: ConsentRequest): Html[] {
  const asks = (scope: string) => scopes.includes(scope);
  const items: Html[] = [];
  if (MAIL_SCOPES.some(asks)) {
    items.push(html`Send mail as ${listed(addresses)}`);
  }
  if (asks('openid') || asks('email')) {
    items.push(html`Know who you are${asks('email') && html`, and your address`}`);
  }
  if (asks('offline_access')) {
    items.push(html`Keep this permission for up to ${days(lifetime)} without asking you again`);
  }
  return items;
}

function days(lifetime: number): string {
  const count = Math.max(1, Math.round(lifetime / 86_400_000));
  return count === 1 ? 'a day' : `${count} days`;
}

function listed(addresses: readonly string[]): Html {
  const names = addresses.map((address) => html`<strong><bdi>${address}</bdi></strong>`);
  const last = names.pop() as Html;
  if (names.length === 0) return last;
  return html`${names.map((name, index) => html`${index > 0 && ', '}${name}`)} or ${last}`;
}

function destination(target: RedirectTarget): Html {
  switch (target.kind) {
    case 'loopback':
      return html`a program on this computer (<code>${target.name}</code>)`;
    case 'private-scheme':
      return html`the app on this device that opens <code>${target.name}</code> links`;
    case 'web':
      return html`the web site <code>${target.name}</code>`;
  }
}
