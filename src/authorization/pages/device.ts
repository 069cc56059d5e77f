// Owns the pages on which a person allows a device without a browser (RFC 8628 §3.3): the code, what it stands for, how it ended.

import type { DeviceTarget } from '../device/target.ts';
import { DEVICE_PATH } from '../oauth-routes.ts';
import type { Page } from './document.ts';
import { html } from './html.ts';
import { permissions } from './permissions.ts';
import { problemPage } from './problem.ts';
import {
  programInFacts,
  programInTitle,
  programInWords,
  programWarning,
  type ShownProgram,
} from './program.ts';

/** Why the page asks for a code again. */
export type CodeProblem = 'unknown' | 'stale';

const PROBLEMS: Readonly<Record<CodeProblem, string>> = {
  unknown: 'No device shows this code now. Compare it letter by letter and try again.',
  stale: 'This page waited too long, or it was open twice. Enter the code again.',
};

/** Asks for the code. `code` stands in the field already: it came with the link, and is compared all the same (RFC 8628 §3.3.1). */
export function codePage(form: {
  readonly secret: string;
  readonly code: string | undefined;
  readonly problem: CodeProblem | undefined;
}): Page {
  const { secret, code, problem } = form;
  return {
    status: problem === undefined ? 200 : 400,
    title: problem === undefined ? 'Connect a device' : 'Connect a device: check the code',
    main: html`<h1>Connect a device</h1>
<p>A program that cannot open a browser shows a code of eight letters. Enter it here to go on.</p>
<form method="post" action="${DEVICE_PATH}">
<input type="hidden" name="xsrf" value="${secret}">
${problem !== undefined && html`<p class="problem" id="problem" role="alert">${PROBLEMS[problem]}</p>`}
<label for="code">Code that the device shows</label>
<input type="text" id="code" name="user_code" class="code" value="${code}" required autofocus maxlength="40" autocomplete="off" autocapitalize="characters" spellcheck="false" aria-describedby="${problem !== undefined && 'problem '}form"${
      problem !== undefined && html` aria-invalid="true"`
    }>
<p class="note" id="form">Like <code>BCDF-GHJK</code>. Small letters will do, and the dash may be left out.</p>
<p class="answers"><button type="submit" class="primary">Continue</button></p>
</form>
<p class="note">Did somebody send you a code or a link to this page? Then close it: whoever asks so wants to send mail in your name.</p>`,
  };
}

export interface DeviceRequest {
  readonly client: ShownProgram;
  readonly target: DeviceTarget;
  readonly scopes: readonly string[];
  /** How long a permission holds, milliseconds. */
  readonly lifetime: number;
  readonly secret: string;
  /** Whether device and browser are in the same network. */
  readonly isNearby: boolean;
  /** Seconds since the epoch. */
  readonly now: number;
}

/** What the code stands for, before anybody signs in: against somebody far away who had a person enter it (RFC 8628 §5.4). */
export function confirmationPage(request: DeviceRequest): Page {
  const { client, target, secret, isNearby } = request;
  const mayDo = permissions({ ...request, addresses: [] });
  return {
    status: 200,
    title: `Connect ${programInTitle(client)}?`,
    main: html`<h1>Is this ${programInWords(client)} on your device?</h1>
<p>The device in front of you must show the same code:</p>
<p class="box code"><strong>${target.userCode}</strong></p>
<h2 id="who">Who asks</h2>
<dl class="box" aria-labelledby="who">
<dt>Program</dt>
<dd>${programInFacts(client)}</dd>
<dt>Asked from</dt>
<dd>${target.address === undefined ? 'an unknown address' : html`<code>${target.address}</code>`}${
      isNearby ? ', your network' : html`: <strong>not the network of this browser</strong>`
    }</dd>
<dt>Asked at</dt>
<dd>${clockTime(target.askedAt)}, ${ago(request.now - target.askedAt)}</dd>
</dl>
<h2 id="may">It will be able to</h2>
<ul class="box" aria-labelledby="may">
${mayDo.map((item) => html`<li>${item}</li>\n`)}</ul>
${programWarning(client)}
<p class="problem">Go on only if you started this yourself just now. If somebody sent you the code or a link, or asks for it on the
telephone, choose Refuse: they want to send mail in your name.</p>
<form method="post" action="${DEVICE_PATH}" class="answers">
<input type="hidden" name="xsrf" value="${secret}">
<input type="hidden" name="user_code" value="${target.userCode}">
<button type="submit" name="confirm" value="yes" class="primary">Continue</button>
<button type="submit" name="abort" value="yes">Refuse</button>
</form>`,
  };
}

function clockTime(seconds: number) {
  const text = new Date(seconds * 1000).toISOString();
  return html`<time datetime="${text}">${text.slice(0, 10)} ${text.slice(11, 16)} UTC</time>`;
}

function ago(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return 'less than a minute ago';
  return minutes === 1 ? 'a minute ago' : `${minutes} minutes ago`;
}

/**
 * Leads on from the answer. A redirect would not do: `form-action` counts for every redirect after a POST, and nobody knows
 * beforehand through how many places an identity provider leads.
 */
export function goOnPage(path: string): Page {
  return {
    status: 200,
    title: 'Sign in next',
    goOn: path,
    main: html`<h1>Sign in next</h1>
<p>The browser goes on by itself.</p>
<p class="answers"><a href="${path}" class="button primary">Go on</a></p>`,
  };
}

export function deviceDonePage(): Page {
  return {
    status: 200,
    title: 'The device is connected',
    main: html`<h1>The device is connected</h1>
<p>It gets its permission within a few seconds. You can close this page and go back to the device.</p>`,
  };
}

export function deviceRefusedPage(): Page {
  return {
    status: 200,
    title: 'You did not allow it',
    main: html`<h1>You did not allow it</h1>
<p>The device gets nothing, and its code is worth nothing any more. You can close this page.</p>
<h2>What to do next</h2>
<p>If it was a mistake, start again on the device: it will show a new code. If somebody asked you to enter the code, tell the
people who run this mail service.</p>`,
  };
}

/** The code was right once. */
export function deadCodePage(problem: 'expired' | 'used'): Page {
  const { title, happened } = DEAD_CODES[problem];
  return problemPage({
    status: 400,
    title,
    happened,
    next: html`Start again on the device, and <a href="${DEVICE_PATH}">enter the new code</a>.`,
  });
}

const DEAD_CODES = {
  expired: {
    title: 'This code has expired',
    happened: 'The device asked too long ago, so nothing was allowed.',
  },
  used: {
    title: 'This code was entered already',
    happened:
      'A code works once. It was answered before, or it is being answered in another window; then go on there.',
  },
} as const;

/** Guessing codes ends here (RFC 8628 §5.1). */
export function tooManyCodesPage(): Page {
  return {
    ...problemPage({
      status: 429,
      title: 'Too many codes were tried',
      happened: 'More wrong codes came from this browser, or from your network, than anybody mistypes.',
      next: html`Wait a minute, read the code on the device anew, and <a href="${DEVICE_PATH}">enter it again</a>.`,
    }),
    retryAfter: 60,
  };
}
