// aerc, driven in a terminal as its user does it. It writes the message itself, with go-smtp and go-sasl.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder, removeFolder } from '../folder.ts';
import { runProgram } from '../program.ts';
import { openTerminal, type Terminal } from '../terminal.ts';
import { until } from '../until.ts';
import type { Attempt, MailClient } from './client.ts';
import { WRITTEN_BODY } from './written-body.ts';

export const aerc: MailClient = {
  name: 'aerc',
  mechanisms: ['OAUTHBEARER', 'XOAUTH2'],
  async submit(attempt) {
    // Not under the others: the path of its socket must be short.
    const home = makeFolder('aerc');
    writeSettings(home, attempt);
    try {
      const { ca, letter, recipients } = attempt;
      const told = await sendWithAerc({ home, ca, recipients, subject: `letter ${letter.mark}` });
      return { delivered: told === 'Message sent.', told };
    } finally {
      removeFolder(home);
    }
  },
};

/** With the account that is set up in this home; the text is {@link WRITTEN_BODY}. What it says in the end. */
export async function sendWithAerc(given: {
  readonly home: string;
  readonly ca: string;
  readonly recipients: readonly string[];
  readonly subject: string;
  readonly path?: string;
}): Promise<string> {
  const { home, subject, recipients } = given;
  for (const name of ['cur', 'new', 'tmp']) mkdirSync(join(home, 'Mail', 'INBOX', name), { recursive: true });
  writeFileSync(join(home, 'body'), WRITTEN_BODY);
  writeFileSync(join(home, 'editor'), `#!/bin/sh\ncp ${home}/body "$1"\n`, { mode: 0o755 });
  const environment = {
    HOME: home,
    XDG_RUNTIME_DIR: home,
    EDITOR: join(home, 'editor'),
    SSL_CERT_FILE: given.ca,
    ...(given.path && { PATH: given.path }),
  };
  const terminal = await openTerminal({ folder: home, environment });
  try {
    await terminal.type('aerc');
    await seen(terminal, /\] Connected/, 'aerc');
    const letter = `mailto:${recipients.join(',')}?subject=${encodeURIComponent(subject)}`;
    const { text } = await runProgram('aerc', [letter], { folder: home, environment });
    if (!text.includes('success')) throw new Error(`aerc says of a message to write: ${text}`);
    await seen(terminal, /^Subject: *\S/m, 'the header of the message');
    // On from the recipients and the subject, which stand there.
    await terminal.press('Enter');
    await terminal.press('Enter');
    await seen(terminal, /Send this email\?/, 'its question');
    await terminal.press('y');
    return await seen(terminal, /^(?:Message sent\.|send:.*\S)/m, 'the outcome');
  } finally {
    await terminal.close();
  }
}

function writeSettings(home: string, attempt: Attempt): void {
  const { mechanism, port, tls } = attempt;
  const settings = join(home, '.config', 'aerc');
  mkdirSync(settings, { recursive: true });
  const scheme = `${tls === 'implicit' ? 'smtps' : 'smtp'}+${mechanism.toLowerCase()}`;
  writeFileSync(join(home, 'token'), attempt.token, { mode: 0o600 });
  const account = [
    '[postern]',
    'source = maildir://~/Mail',
    `outgoing = ${scheme}://${encodeURIComponent(attempt.user)}@localhost:${port}`,
    `outgoing-cred-cmd = cat ${home}/token`,
    // Its manual says `true`, which this version takes for no.
    ...(tls === 'starttls' ? ['smtp-starttls = yes'] : []),
    `from = Postern Tester <${attempt.mailFrom}>`,
  ];
  // It starts with no accounts that others can read.
  writeFileSync(join(settings, 'accounts.conf'), `${account.join('\n')}\n`, { mode: 0o600 });
}

const REDRAWN_EVERY = 300;

/** What comes by itself, such as the outcome of a delivery, is drawn only when something else makes it draw. */
async function seen(terminal: Terminal, pattern: RegExp, what: string): Promise<string> {
  let drawn = performance.now();
  let shown = '';
  try {
    return await until(async () => {
      shown = await terminal.screen();
      const found = pattern.exec(shown)?.[0];
      if (found === undefined && performance.now() > drawn + REDRAWN_EVERY) {
        await terminal.redraw();
        drawn = performance.now();
      }
      return found;
    }, what);
  } catch (error) {
    throw new Error(`${(error as Error).message} on the screen of aerc:\n${shown.replace(/\s+\n/g, '\n')}`);
  }
}
