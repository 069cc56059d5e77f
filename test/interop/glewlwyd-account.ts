// Owns an account at Glewlwyd as a mail program uses it: its own access tokens, by code, without a browser.

import type { Glewlwyd } from './glewlwyd.ts';

export interface Account {
  /** Of the client, for what `resource` names (RFC 8707). */
  token(request: TokenRequest): Promise<string>;
  /** RFC 7009. */
  revoke(token: string): Promise<void>;
}

export interface TokenRequest {
  readonly client?: string;
  readonly issuer?: string;
  readonly resource?: string;
}

const REDIRECT = 'http://127.0.0.1:51234/callback';
const SCOPE = 'openid smtp.submit';

export async function openAccount(glewlwyd: Glewlwyd): Promise<Account> {
  const { person, secret } = glewlwyd;
  const api = `${new URL(glewlwyd.issuer).origin}/api`;
  const json = { 'content-type': 'application/json' };
  const entered = await fetch(`${api}/auth/`, {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ username: person.login, password: person.password }),
  });
  const cookie = entered.headers.getSetCookie()[0]?.split(';', 1)[0];
  if (!entered.ok || !cookie) throw new Error(`Glewlwyd let nobody in: ${entered.status}`);

  const post = (url: string, client: string, form: Record<string, string>): Promise<Response> => {
    const authorization = `Basic ${Buffer.from(`${client}:${secret}`).toString('base64')}`;
    return fetch(url, { method: 'POST', headers: { authorization }, body: new URLSearchParams(form) });
  };

  async function token(request: TokenRequest): Promise<string> {
    const { client = 'mail', issuer = glewlwyd.issuer, resource } = request;
    await fetch(`${api}/auth/grant/${client}`, {
      method: 'PUT',
      headers: { ...json, cookie },
      body: JSON.stringify({ scope: SCOPE }),
    });
    const wanted = resource === undefined ? {} : { resource };
    const question = new URLSearchParams({
      response_type: 'code',
      client_id: client,
      redirect_uri: REDIRECT,
      scope: SCOPE,
      state: 'state-of-the-program',
      nonce: 'nonce-of-the-program',
      ...wanted,
    });
    // `g_continue` is what its page adds when the person goes on.
    const sent = await fetch(`${issuer}/auth?${question}&g_continue`, {
      headers: { cookie },
      redirect: 'manual',
    });
    const location = sent.headers.get('location') ?? '';
    const code = URL.canParse(location) ? new URL(location).searchParams.get('code') : undefined;
    if (!code) throw new Error(`no code for ${client}: ${sent.status} ${location}`);
    const form = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT, ...wanted };
    const response = await post(`${issuer}/token`, client, form);
    const { access_token: accessToken } = (await response.json()) as { access_token?: string };
    if (!accessToken) throw new Error(`no token for ${client}: ${response.status}`);
    return accessToken;
  }

  return {
    token,
    async revoke(accessToken) {
      const form = { token: accessToken, token_type_hint: 'access_token' };
      const { status } = await post(`${glewlwyd.issuer}/revoke`, 'mail', form);
      if (status !== 200) throw new Error(`the revocation was answered with ${status}`);
    },
  };
}
