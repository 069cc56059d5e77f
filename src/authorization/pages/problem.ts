// Owns the pages for everything that did not work: what happened, in a sentence, and what to do next.

import type { Page } from './document.ts';
import { type Html, html } from './html.ts';

export interface Problem {
  readonly status: number;
  readonly title: string;
  readonly happened: Html | string;
  readonly next: Html | string;
  readonly more?: Html | undefined;
}

export function problemPage({ status, title, happened, next, more }: Problem): Page {
  return {
    status,
    title,
    main: html`<h1>${title}</h1>
<p>${happened}</p>
<h2>What to do next</h2>
<p>${next}</p>
${more}`,
  };
}

/** A request of Postern's own pages that does not fit: a wrong address, method, form or size. */
export function requestProblem(status: number): Page {
  const known = REQUEST_PROBLEMS[status] ?? REQUEST_PROBLEMS[400];
  const page = problemPage({ status, ...(known as RequestProblem) });
  return status === 429 ? { ...page, retryAfter: 60 } : page;
}

type RequestProblem = Pick<Problem, 'title' | 'happened' | 'next'>;

const HOME = html`Go to <a href="/">the start page</a>, or go back to the program you came from and start again there.`;

const REQUEST_PROBLEMS: Readonly<Record<number, RequestProblem>> = {
  400: {
    title: 'This request cannot be read',
    happened: 'Something about the address or the form that was sent is not as it should be.',
    next: HOME,
  },
  403: {
    title: 'This answer did not come from our page',
    happened: 'The form was sent by another web site, so nothing was done.',
    next: html`If a web site led you here, do not trust it. ${HOME}`,
  },
  404: {
    title: 'There is no such page',
    happened: 'The address may be mistyped, or the page has gone.',
    next: HOME,
  },
  405: {
    title: 'This page is not used that way',
    happened: 'The address exists, but not for this kind of request.',
    next: HOME,
  },
  413: {
    title: 'This request is too large',
    happened: 'More was sent than any form of ours holds.',
    next: HOME,
  },
  415: {
    title: 'This request cannot be read',
    happened: 'It was sent in a form that no page of ours uses.',
    next: HOME,
  },
  429: {
    title: 'Too many sign-ins at once',
    happened: 'More sign-ins were begun from your network than we can take in a minute.',
    next: 'Wait a minute, then start again in the program.',
  },
};

/** A fault of Postern's own; `reference` stands in the journal beside what happened. */
export function faultPage(reference: string): Page {
  return problemPage({
    status: 500,
    title: 'Something went wrong here',
    happened:
      'Postern ran into a problem of its own. It was not your doing, and nothing was allowed or sent.',
    next: html`Wait a minute and start again from the program you came from. If it happens again, tell the people who run
this mail service, and give them this reference: <code>${reference}</code>.`,
  });
}

/** The interaction is over, was never there, or belongs to another browser. */
export function expiredPage(): Page {
  return problemPage({
    status: 400,
    title: 'This sign-in is over',
    happened: 'It was finished already, it waited too long, or it was begun in another browser.',
    next: `If your program works, all is well and you can close this page. Otherwise go back to the program and start the
sign-in again. Your browser must accept cookies from this site.`,
  });
}

/** An error of the OAuth request that must not be sent to the program (RFC 6749 §4.1.2.1). */
export function oauthProblem(problem: {
  readonly status: number;
  readonly error: string;
  readonly description: string | undefined;
}): Page {
  const { status, error, description } = problem;
  const known = OAUTH_PROBLEMS[error];
  return problemPage({
    status,
    title: known?.title ?? 'The program asked in a way that is not possible',
    happened: known?.happened ?? 'The request that your program sent here is not valid, so nothing was done.',
    next: `Go back to the program and start again. If it happens again, show this page to the people who made or set up the
program.`,
    more: html`<h2>For them</h2>
<p class="box"><code>${error}</code>${description !== undefined && html`: ${description}`}</p>`,
  });
}

const OAUTH_PROBLEMS: Readonly<Record<string, Pick<Problem, 'title' | 'happened'>>> = {
  invalid_client: {
    title: 'This program is not known here',
    happened: 'The program that sent you here has no entry at this mail service, so nothing was done.',
  },
  temporarily_unavailable: {
    title: 'Your program cannot be looked up now',
    happened: `What this program says of itself lies at an address of its maker's, which does not answer at the moment, so nothing
was done.`,
  },
  invalid_redirect_uri: {
    title: 'The answer would go to the wrong place',
    happened: `The program wants its answer sent to an address that is not registered for it. To protect you, nothing was
sent there.`,
  },
};

/** The way back into an interaction: its own address, where its answers are posted, and where those may lead. */
export interface WayBack {
  readonly action: string;
  readonly formAction: string | undefined;
}

/** The identity provider cannot be reached. */
export function identityProviderDownPage(name: string, way: WayBack): Page {
  return {
    ...problemPage({
      status: 503,
      title: `${name} does not answer`,
      happened: html`You sign in at ${name}, and it cannot be reached at the moment. Mail programs that are connected already
go on working.`,
      next: 'Wait a minute, then try again. If it lasts, tell the people who run this mail service.',
      more: answers(way),
    }),
    formAction: way.formAction,
    retryAfter: 30,
  };
}

/** The person came back signed in, but may not use the mail service; or the identity provider's answer was not usable. */
export function signInProblem(problem: keyof typeof SIGN_IN_PROBLEMS, name: string, way: WayBack): Page {
  const { title, happened, next } = SIGN_IN_PROBLEMS[problem];
  return {
    ...problemPage({
      status: 403,
      title,
      happened: happened(name),
      next: next(name),
      more: answers(way),
    }),
    formAction: way.formAction,
  };
}

const SIGN_IN_PROBLEMS = {
  'no-address': {
    title: 'There is no mail address for you',
    happened: (name: string) =>
      `You are signed in at ${name}, but it told us no confirmed mail address, and Postern must know as whom you may send.`,
    next: (name: string) =>
      `Ask the people who run ${name} to give your account a mail address and to mark it as confirmed; then try again.`,
  },
  'not-allowed': {
    title: 'Your account may not send mail here',
    happened: (name: string) =>
      `You are signed in at ${name}, but your account there is not one of those that may use this mail service.`,
    next: (name: string) =>
      `Ask the people who run ${name} to let your account use this mail service; then try again. If you have another account, sign in with that one.`,
  },
  'foreign-address': {
    title: 'Your mail address is not one of ours',
    happened: (name: string) =>
      `You are signed in at ${name}, but this mail service is not for the domain of the mail address it told us.`,
    next: () => 'Sign in with the account that has your address at this mail service.',
  },
  disabled: {
    title: 'Your account is switched off here',
    happened: (name: string) =>
      `You are signed in at ${name}, but this mail service does not let you send mail.`,
    next: () =>
      'Ask the people who run this mail service. If you have another account, sign in with that one.',
  },
  refused: {
    title: 'The sign-in did not work',
    happened: (name: string) => `What ${name} answered could not be accepted, so you are not signed in.`,
    next: () => 'Try again. If it happens again, tell the people who run this mail service.',
  },
} as const;

function answers({ action }: WayBack): Html {
  return html`<form method="post" action="${action}" class="answers">
<a href="${action}" class="button primary">Try again</a>
<button type="submit" name="answer" value="deny">Cancel</button>
</form>`;
}
