// Owns a device without a browser as a test plays it: it asks for a code, waits, and asks again.

import type { Answer, Browser } from './authorization-browser.ts';
import { comeBack, MAIL, type TestDoor } from './authorization-server.ts';

export const DEVICE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

export interface WaitingDevice {
  readonly device_code: string;
  readonly user_code: string;
  readonly verification_uri: string;
  readonly verification_uri_complete: string;
  readonly expires_in: number;
  readonly interval: number;
}

export async function askForCode(
  door: Pick<TestDoor, 'call'>,
  changes: Record<string, string> = {},
): Promise<WaitingDevice> {
  const form = { client_id: 'postern-cli', scope: `${MAIL} offline_access`, ...changes };
  const { status, json } = await door.call('/device/auth', form);
  if (status !== 200) throw new Error(`no code: ${status} ${JSON.stringify(json)}`);
  return json as unknown as WaitingDevice;
}

/** One question whether the person is done. */
export function poll(
  door: Pick<TestDoor, 'call'>,
  { device_code }: Pick<WaitingDevice, 'device_code'>,
  changes: Record<string, string> = {},
) {
  return door.call('/token', {
    grant_type: DEVICE_GRANT,
    device_code,
    client_id: 'postern-cli',
    ...changes,
  });
}

/** Opens the page and enters a code as typed; the answer is what comes next. */
export async function enterCode(browser: Browser, issuer: string, typed: string): Promise<Answer> {
  return browser.press(await browser.go(`${issuer}/device`), 'user_code', typed);
}

/** Confirms the code and follows to where the sign-in or the consent is. */
export async function confirm(browser: Browser, page: Answer): Promise<Answer> {
  return follow(browser, await browser.press(page, 'confirm', 'yes'));
}

/** As a browser does with the header Refresh. */
export function follow(browser: Browser, page: Answer): Promise<Answer> {
  const path = /^0; url=(.+)$/.exec(page.headers.get('refresh') ?? '')?.[1];
  if (path === undefined) throw new Error(`the page leads nowhere: ${page.text.slice(0, 2000)}`);
  return browser.go(new URL(path, page.url));
}

/** The whole way of a person who is not signed in, up to the page of consent. */
export async function goToDeviceConsent(
  browser: Browser,
  issuer: string,
  { user_code }: Pick<WaitingDevice, 'user_code'>,
): Promise<Answer> {
  return comeBack(browser, await confirm(browser, await enterCode(browser, issuer, user_code)));
}

export async function approve(
  browser: Browser,
  issuer: string,
  device: Pick<WaitingDevice, 'user_code'>,
): Promise<Answer> {
  return browser.press(await goToDeviceConsent(browser, issuer, device), 'answer', 'allow');
}
