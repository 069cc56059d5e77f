// The demo identity provider's sign-in form: shows it, checks the password, hands the person to oidc-provider.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { errors, type Provider } from 'oidc-provider';
import { messagePage, PAGE_POLICY, STYLE, STYLE_PATH, signInPage } from './identity-provider-pages.ts';
import { checkPassword } from './identity-provider-people.ts';

const MAX_FORM_BYTES = 8192;

/** Answers the form and the style sheet; resolves false for everything that belongs to the protocol. */
export function createSignIn(
  provider: Provider,
): (request: IncomingMessage, response: ServerResponse) => Promise<boolean> {
  return async (request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0];
    if (path === STYLE_PATH) {
      response.writeHead(200, { 'content-type': 'text/css; charset=utf-8' }).end(STYLE);
      return true;
    }
    if (!path?.startsWith('/interaction/')) return false;
    try {
      await answerForm(provider, request, response);
    } catch (error) {
      if (!(error instanceof errors.SessionNotFound)) throw error;
      const text = 'This sign-in has expired. Go back to the program you came from and start again.';
      sendPage(response, 400, messagePage('Sign-in expired', text));
    }
    return true;
  };
}

/** Headers of every answer, oidc-provider's own pages included. */
export function setPageHeaders(response: ServerResponse): void {
  response.setHeader('content-security-policy', PAGE_POLICY);
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('referrer-policy', 'no-referrer');
  response.setHeader('cache-control', 'no-store');
}

async function answerForm(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // Throws SessionNotFound unless the browser holds this interaction's cookie: nobody can be signed in from elsewhere.
  const { params } = await provider.interactionDetails(request, response);
  const hint = typeof params['login_hint'] === 'string' ? params['login_hint'] : '';
  if (request.method !== 'POST') return sendPage(response, 200, signInPage({ login: hint }));
  const form = await readForm(request);
  if (form === undefined) return sendPage(response, 413, messagePage('Too much', 'The form is too large.'));
  if (form.has('cancel')) {
    const denied = { error: 'access_denied', error_description: 'The person cancelled the sign-in.' };
    return provider.interactionFinished(request, response, denied, { mergeWithLastSubmission: false });
  }
  const login = form.get('login') ?? '';
  const accountId = checkPassword(login, form.get('password') ?? '');
  if (accountId === undefined) {
    const wrong = 'That login or password is not right. In the demo the password is “demo”.';
    return sendPage(response, 401, signInPage({ login, error: wrong }));
  }
  const result = { login: { accountId }, consent: {} };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

/** The fields of the form; undefined where it is larger than any honest one. */
async function readForm(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_FORM_BYTES) return undefined;
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}

function sendPage(response: ServerResponse, status: number, page: string): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(page);
}
