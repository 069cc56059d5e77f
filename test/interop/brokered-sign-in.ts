// Owns the way of a person to Postern's tokens through the organisation's identity provider, in a real browser.

import type { Browser, Page } from 'playwright-core';
import { authorizationUrl, newProof } from '../support/authorization-server.ts';
import { startProgram } from '../support/authorization-site.ts';
import type { Gate } from './gate.ts';

export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
}

/** Who signs in, and how at the pages of the identity provider. */
export interface Visitor {
  readonly address: string;
  signIn(page: Page): Promise<void>;
}

/** A browser of its own, with nobody signed in. */
export async function openBrowser(chromium: Browser): Promise<Page> {
  const page = await (await chromium.newContext()).newPage();
  page.setDefaultTimeout(60_000);
  return page;
}

/** From a mail program's request to its tokens: sign-in at the identity provider, consent at Postern, the answer on loopback. */
export async function getTokens(page: Page, visitor: Visitor, gate: Gate): Promise<Tokens> {
  const program = await startProgram();
  try {
    const proof = newProof();
    const changes = { redirect_uri: program.redirectUri, prompt: 'consent' };
    await page.goto(authorizationUrl(gate, proof, changes).href);
    await visitor.signIn(page);
    await page.getByText(`Send mail as ${visitor.address}`).waitFor();
    await page.getByRole('button', { name: 'Allow' }).click();
    const answer = (await program.answer()).searchParams;
    const response = await fetch(`${gate.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        client_id: 'postern-cli',
        code: answer.get('code') ?? '',
        redirect_uri: program.redirectUri,
        code_verifier: proof.verifier,
      }),
    });
    const { access_token, refresh_token } = (await response.json()) as Record<string, string | undefined>;
    if (!access_token || !refresh_token) throw new Error(`no tokens: ${answer}, ${response.status}`);
    return { accessToken: access_token, refreshToken: refresh_token };
  } finally {
    await program.close();
  }
}
