// What a dialogue puts in for `{token:…}`, `{oauthbearer:…}` and the like, and the record of what must stay secret.

import { bytesOf, type Expansion, parseArguments, repeat } from './dialogue-text.ts';

export class DialogueCredentials {
  /** What must never stand in the journal: tokens, SASL responses, passwords. */
  readonly secrets = new Set<string>();
  readonly #issue: (kind: string) => Promise<string>;

  constructor(issuer: { token(kind: string): Promise<string> }) {
    this.#issue = (kind) => issuer.token(kind);
  }

  readonly expansions: Readonly<Record<string, Expansion>> = {
    token: (kind) => this.#token(kind),
    oauthbearer: (argument) => this.#saslResponse(argument, 'oauthbearer'),
    xoauth2: (argument) => this.#saslResponse(argument, 'xoauth2'),
    base64: (argument) => Buffer.from(bytesOf(argument), 'latin1').toString('base64'),
    plain: (argument) => this.#plain(argument),
    // The result is read for escapes once more.
    repeat: (argument) => repeat(argument).replaceAll('\\', '\\\\'),
  };

  async #token(kind: string): Promise<string> {
    const token = await this.#issue(kind);
    if (token !== '') this.secrets.add(token);
    return token;
  }

  async #saslResponse(argument: string, mechanism: 'oauthbearer' | 'xoauth2'): Promise<string> {
    const { token: kind = '', user, ...pairs } = parseArguments(argument);
    const token = kind === '' ? '' : `Bearer ${await this.#token(kind)}`;
    const rest = Object.entries({ ...pairs, auth: token }).map(([key, value]) => `${key}=${value}\x01`);
    // RFC 7628 §3.1; RFC 5801 §4 for the escapes of the name.
    const name = user === undefined ? '' : `a=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')}`;
    const begin = mechanism === 'xoauth2' ? `user=${user ?? ''}\x01` : `n,${name},\x01`;
    const response = Buffer.from(`${begin}${rest.join('')}\x01`).toString('base64');
    if (token !== '') this.secrets.add(response);
    return response;
  }

  #plain(argument: string): string {
    const [user = '', password = ''] = argument.split(',');
    const response = Buffer.from(`\0${user}\0${password}`).toString('base64');
    this.secrets.add(password).add(response);
    return response;
  }
}
