// Owns a person at the pages of LemonLDAP::NG: signs in there in a real browser, or by its form alone for a token of its own.

import type { Page } from 'playwright-core';
import { newProof } from '../support/authorization-server.ts';
import { DOCTOR, type Lemonldap } from './lemonldap.ts';

/** In the browser, on the page where LemonLDAP::NG asks who one is. */
export async function fillSignIn(page: Page): Promise<void> {
  await page.locator('input[name=user]').fill(DOCTOR.login);
  await page.locator('input[name=password]').fill(DOCTOR.password);
  await page.locator('button[type=submit]').first().click();
}

/** The doctor's session in the portal. */
export interface PortalSession {
  /** By code and PKCE, as a mail program that is the public client of this id. */
  token(client: string): Promise<IssuedTokens>;
  /** Ends it, and with it all tokens that rest on it. */
  signOut(): Promise<void>;
}

export interface IssuedTokens {
  readonly accessToken: string;
  readonly idToken: string;
}

const REDIRECT = 'http://127.0.0.1:51234/callback';

export async function openPortalSession({ issuer }: Pick<Lemonldap, 'issuer'>): Promise<PortalSession> {
  const form = await (await fetch(`${issuer}/`)).text();
  const guard = /name="token" value="([^"]+)"/.exec(form)?.[1] ?? '';
  const answer = await fetch(`${issuer}/`, {
    method: 'POST',
    body: new URLSearchParams({ user: DOCTOR.login, password: DOCTOR.password, token: guard }),
    redirect: 'manual',
  });
  const cookie = answer.headers.getSetCookie().find((one) => one.startsWith('lemonldap='));
  if (!cookie) throw new Error(`LemonLDAP::NG let nobody in: ${answer.status}`);
  const headers = { cookie: cookie.split(';', 1)[0] ?? '' };

  async function token(client: string): Promise<IssuedTokens> {
    const proof = newProof();
    const request = new URLSearchParams({
      response_type: 'code',
      client_id: client,
      redirect_uri: REDIRECT,
      scope: 'openid email smtp.submit',
      state: 'state-of-the-program',
      nonce: 'nonce-of-the-program',
      code_challenge: proof.challenge,
      code_challenge_method: 'S256',
    });
    const sent = await fetch(`${issuer}/oauth2/authorize?${request}`, { headers, redirect: 'manual' });
    const location = sent.headers.get('location') ?? '';
    const code = URL.canParse(location) ? new URL(location).searchParams.get('code') : undefined;
    if (!code) throw new Error(`no code for ${client}: ${sent.status} ${location}`);
    const response = await fetch(`${issuer}/oauth2/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: client,
        code,
        redirect_uri: REDIRECT,
        code_verifier: proof.verifier,
      }),
    });
    const { access_token: accessToken, id_token: idToken } = (await response.json()) as Record<
      string,
      string | undefined
    >;
    if (!accessToken || !idToken) throw new Error(`no tokens for ${client}: ${response.status}`);
    return { accessToken, idToken };
  }

  return {
    token,
    async signOut() {
      const { status } = await fetch(`${issuer}/?logout=1`, { headers });
      if (status !== 200) throw new Error(`the logout was answered with ${status}`);
    },
  };
}
