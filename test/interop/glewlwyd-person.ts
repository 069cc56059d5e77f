// Owns a person at Glewlwyd's own pages, in a real browser: signs in, and out of everything.

import type { Page } from 'playwright-core';
import type { Visitor } from './brokered-sign-in.ts';
import type { Glewlwyd } from './glewlwyd.ts';

/** Dana, who signs in there. */
export function visitorOf(glewlwyd: Glewlwyd): Visitor {
  return { address: glewlwyd.person.address, signIn: (page) => signIn(page, glewlwyd) };
}

async function signIn(page: Page, { person }: Glewlwyd): Promise<void> {
  await page.getByLabel('Login').fill(person.login);
  await page.getByLabel('Password').fill(person.password);
  await page.getByRole('button', { name: 'OK' }).click();
  const goOn = page.getByRole('button', { name: 'Continue' });
  await goOn.waitFor();
  // Glewlwyd asks for each scope, the first time that a client wants it.
  const grant = page.getByRole('button', { name: 'Grant access' });
  if (await grant.isVisible()) {
    for (const scope of ['email', 'profile']) await page.getByRole('checkbox', { name: scope }).check();
    await grant.click();
  }
  await goOn.click();
}

/**
 * Signs out of Glewlwyd as people do: another application sends the browser to its page for ending the session, where they
 * press "Logout". Gives the time (of `performance.now`) at which the browser said so to Glewlwyd. That application is needed
 * because Glewlwyd takes nobody to that page without an ID token; its other button of this name tells no client.
 */
export async function signOut(page: Page, glewlwyd: Glewlwyd): Promise<number> {
  const idToken = await visitPortal(page, glewlwyd);
  await page.goto(`${glewlwyd.issuer}/end_session?${new URLSearchParams({ id_token_hint: idToken })}`);
  await page.getByRole('heading', { name: 'End session' }).waitFor();
  const isSignOut = (method: string, url: string) =>
    method === 'DELETE' && url.startsWith(`${glewlwyd.issuer}/session/`);
  const sent = page
    .waitForRequest((request) => isSignOut(request.method(), request.url()))
    .then(() => performance.now());
  await page.getByRole('button', { name: 'Logout' }).click();
  await page.getByRole('heading', { name: 'Session closed' }).waitFor();
  return await sent;
}

/** Signs in at the portal in the session that is there, and gives its ID token. */
async function visitPortal(page: Page, { issuer, portal }: Glewlwyd): Promise<string> {
  // Nothing is there; the browser asks no network.
  await page.route(`${portal.redirectUri}**`, (route) => route.fulfill({ body: 'the portal' }));
  const request = {
    response_type: 'code',
    client_id: portal.id,
    redirect_uri: portal.redirectUri,
    scope: 'openid',
    state: 'state-of-the-portal',
    nonce: 'nonce-of-the-portal',
  };
  await page.goto(`${issuer}/auth?${new URLSearchParams(request)}`);
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByText('the portal').waitFor();
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${portal.id}:${portal.secret}`).toString('base64')}`,
    },
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code: new URL(page.url()).searchParams.get('code') ?? '',
      redirect_uri: portal.redirectUri,
    }),
  });
  const { id_token: idToken } = (await response.json()) as { id_token?: string };
  if (!idToken) throw new Error(`the portal got no ID token: ${response.status}`);
  return idToken;
}
