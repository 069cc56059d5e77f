// Owns the consent page: which program asks, where its answer goes, what it may do.

import type { DeviceTarget } from '../device/target.ts';
import type { RedirectTarget } from '../interaction/redirect-target.ts';
import { MAIL_SCOPES } from '../scopes.ts';
import type { Page } from './document.ts';
import { type Html, html } from './html.ts';
import { permissions } from './permissions.ts';
import {
  programInFacts,
  programInTitle,
  programInWords,
  programWarning,
  type ShownProgram,
} from './program.ts';

export interface ConsentRequest {
  readonly client: ShownProgram;
  readonly target: RedirectTarget | DeviceTarget;
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
    title: `Allow ${programInTitle(client)}?`,
    formAction: request.target.formAction,
    main: html`<h1>Allow ${programInWords(client)} to ${sends ? 'send mail as you' : 'know who you are'}?</h1>
<p>You are signed in as <strong><bdi>${addresses[0]}</bdi></strong>.</p>
<h2 id="may">It will be able to</h2>
<ul class="box" aria-labelledby="may">
${mayDo.map((item) => html`<li>${item}</li>\n`)}</ul>
<h2 id="who">Who asks, and where your answer goes</h2>
<dl class="box" aria-labelledby="who">
<dt>Program</dt>
<dd>${programInFacts(client)}</dd>
<dt>Answer goes to</dt>
<dd>${destination(request.target)}</dd>
</dl>
${programWarning(client)}
<p class="note">If you did not start this yourself just now, choose Deny.</p>
<form method="post" action="${request.action}" class="answers">
<button type="submit" name="answer" value="allow" class="primary">Allow</button>
<button type="submit" name="answer" value="deny">Deny</button>
</form>
<p class="note">Not <bdi>${addresses[0]}</bdi>? <a href="/session/end">Sign out</a>, then start again in the program.</p>`,
  };
}

function destination(target: RedirectTarget | DeviceTarget): Html {
  switch (target.kind) {
    case 'loopback':
      return html`a program on this computer (<code>${target.name}</code>)`;
    case 'private-scheme':
      return html`the app on this device that opens <code>${target.name}</code> links`;
    case 'web':
      return html`the web site <code>${target.name}</code>`;
    case 'device':
      return html`the device that shows the code <code>${target.userCode}</code>${
        target.address !== undefined && html`; it asked from <code>${target.address}</code>`
      }`;
  }
}
