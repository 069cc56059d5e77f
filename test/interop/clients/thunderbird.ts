// Thunderbird, without a display, by remote control: its own code gets a token with a refresh token, signs in, and sends.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startTokenEndpoint } from '../../support/token-endpoint.ts';
import { type Daemon, startDaemon } from '../daemon.ts';
import { makeFolder, removeFolder } from '../folder.ts';
import { freePorts } from '../ports.ts';
import type { Attempt, MailClient, Outcome } from './client.ts';
import { type Marionette, openMarionette } from './marionette.ts';

export interface Thunderbird extends MailClient {
  close(): Promise<void>;
}

const PROGRAM = '/usr/lib/thunderbird/thunderbird';
const SCRIPT = readFileSync(new URL('./thunderbird-submit.js', import.meta.url), 'utf8');
/** It knows no provider of a host without a dot, such as `localhost`. */
const HOST = '127.0.0.1';
const PAGE = readFileSync(new URL('../../../docs/thunderbird.md', import.meta.url), 'utf8');
const MANIFEST = JSON.parse(/^```json\n(.*?)^```$/ms.exec(PAGE)?.[1] ?? '{}');
const PROVIDER: { issuer: string; scopes: string } = MANIFEST.oauth_provider;

export async function startThunderbird(): Promise<Thunderbird> {
  const folder = makeFolder('thunderbird');
  const profile = join(folder, 'profile');
  mkdirSync(profile);
  const [port] = (await freePorts(1)) as [number];
  writeFileSync(join(profile, 'user.js'), settings(port));
  const parameters = ['--headless', '--marionette', '--remote-allow-system-access', '--profile', profile];
  let current = '';
  // Said to be over at once, so that it asks for another each time.
  const endpoint = await startTokenEndpoint(() => ({
    body: { access_token: current, token_type: 'Bearer', expires_in: 1 },
  }));
  let daemon: Daemon | undefined;
  let remote: Marionette | undefined;
  async function close(): Promise<void> {
    remote?.close();
    await daemon?.end();
    await endpoint.close();
    removeFolder(folder);
  }
  try {
    daemon = await startDaemon(PROGRAM, parameters, { folder, port, startLimit: 45_000 });
    remote = await openMarionette(port);
    await remote.call('WebDriver:NewSession');
    await remote.call('Marionette:SetContext', { value: 'chrome' });
    await remote.call('WebDriver:SetTimeouts', { script: 30_000 });
    await remote.call('Addon:Install', { path: writeAddOn(folder, endpoint.url), temporary: true });
  } catch (error) {
    await close();
    throw error;
  }
  const control = remote;
  return {
    name: 'Thunderbird',
    mechanisms: ['XOAUTH2'],
    submit(attempt) {
      current = attempt.token;
      return submit(control, attempt);
    },
    close,
  };
}

async function submit(remote: Marionette, attempt: Attempt): Promise<Outcome> {
  const { folder, letter, mailFrom, port, recipients, tls, user } = attempt;
  const file = join(folder, `${letter.mark}.eml`);
  writeFileSync(file, letter.bytes);
  const given = {
    ...{ port, tls, user, mailFrom, recipients, file },
    host: HOST,
    id: `<${letter.mark}@example.org>`,
    authority: readFileSync(attempt.ca, 'utf8').replace(/-----[^-]+-----|\s/g, ''),
    provider: PROVIDER.issuer,
    scopes: PROVIDER.scopes,
  };
  const outcome = await remote.call('WebDriver:ExecuteAsyncScript', {
    script: SCRIPT,
    args: [given],
    sandbox: 'system',
  });
  if (outcome === null) return { delivered: false, told: await dismissQuestion(remote) };
  const { status, text } = outcome as { status: number; text: string | null };
  return { delivered: status === 0, told: `${text ?? ''}\nstatus ${status}` };
}

/** It asks its user what to do next, in a window that has to be closed. */
async function dismissQuestion(remote: Marionette): Promise<string> {
  const question = (await remote.call('WebDriver:GetAlertText')) as string;
  await remote.call('WebDriver:DismissAlert');
  return question;
}

/** The add-on of the page, for this test. */
function writeAddOn(folder: string, tokenEndpoint: string): string {
  const path = join(folder, 'add-on');
  mkdirSync(path);
  const provider = { ...PROVIDER, tokenEndpoint, hostnames: [HOST] };
  writeFileSync(join(path, 'manifest.json'), JSON.stringify({ ...MANIFEST, oauth_provider: provider }));
  return path;
}

/** Nothing that greets, looks for news, or asks. */
const settings = (port: number): string =>
  Object.entries({
    'marionette.port': port,
    'mail.provider.suppress_dialog_on_startup': true,
    'mail.spotlight.firstRunDone': true,
    'mailnews.start_page.enabled': false,
    'app.update.enabled': false,
    'datareporting.policy.dataSubmissionEnabled': false,
    'toolkit.telemetry.enabled': false,
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
    'services.settings.server': 'data:,',
  })
    .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
    .join('');
