// Owns what the scopes of a request mean, in words.

import { MAIL_SCOPES } from '../scopes.ts';
import { type Html, html } from './html.ts';

/** One line for each thing that a program will be able to do. */
export function permissions(request: {
  readonly scopes: readonly string[];
  /** Of the person; empty where it is not known yet who that is. */
  readonly addresses: readonly string[];
  /** How long the answer holds, milliseconds. */
  readonly lifetime: number;
}): Html[] {
  const { scopes, addresses, lifetime } = request;
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
  const last = names.pop();
  if (last === undefined) return html`you`;
  if (names.length === 0) return last;
  return html`${names.map((name, index) => html`${index > 0 && ', '}${name}`)} or ${last}`;
}
