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

export async function startThunderbird(): Promise<Thunderbird> {
  const folder = makeFolder('thunderbird');
  const profile = join(folder, 'profile');
  mkdirSync(profile);
  const [port] = (await freePorts(1)) as [number];
  writeFileSync(join(profile, 'user.js'), settings(port));
  const parameters = ['--headless', '--marionette', '--remote-allow-system-access', '--profile', profile];
  let daemon: Daemon | undefined;
  let remote: Marionette | undefined;
  async function close(): Promise<void> {
    remote?.close();
    await daemon?.end();
    removeFolder(folder);
  }
  try {
    daemon = await startDaemon(PROGRAM, parameters, { folder, port, startLimit: 45_000 });
    remote = await openMarionette(port);
    await remote.call('WebDriver:NewSession');
    await remote.call('Marionette:SetContext', { value: 'chrome' });
    await remote.call('WebDriver:SetTimeouts', { script: 30_000 });
  } catch (error) {
    await close();
    throw error;
  }
  const control = remote;
  return {
    name: 'Thunderbird',
    mechanisms: ['XOAUTH2'],
    submit: (attempt) => submit(control, attempt),
    close,
  };
}

async function submit(remote: Marionette, attempt: Attempt): Promise<Outcome> {
  const { folder, letter, mailFrom, port, recipients, tls, token, user } = attempt;
  const file = join(folder, `${letter.mark}.eml`);
  writeFileSync(file, letter.bytes);
  const body = { access_token: token, token_type: 'Bearer', expires_in: 3600 };
  const endpoint = await startTokenEndpoint(() => ({ body }));
  const given = {
    ...{ port, tls, user, mailFrom, recipients, file },
    host: HOST,
    id: `<${letter.mark}@example.org>`,
    authority: readFileSync(attempt.ca, 'utf8').replace(/-----[^-]+-----|\s/g, ''),
    // Each time another: it keeps tokens.
    provider: `${letter.mark}.example.org`,
    tokenEndpoint: endpoint.url,
    scope: 'urn:ietf:params:oauth:scope:mail',
  };
  try {
    const outcome = await remote.call('WebDriver:ExecuteAsyncScript', {
      script: SCRIPT,
      args: [given],
      sandbox: 'system',
    });
    if (outcome === null) return { delivered: false, told: await dismissQuestion(remote) };
    const { status, text } = outcome as { status: number; text: string | null };
    return { delivered: status === 0, told: `${text ?? ''}\nstatus ${status}` };
  } finally {
    await endpoint.close();
  }
}

/** It asks its user what to do next, in a window that has to be closed. */
async function dismissQuestion(remote: Marionette): Promise<string> {
  const question = (await remote.call('WebDriver:GetAlertText')) as string;
  await remote.call('WebDriver:DismissAlert');
  return question;
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
