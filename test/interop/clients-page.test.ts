// docs/clients.md does what it says: each block is run as it stands there, against the demo, as alice.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sendWithAerc } from './clients/aerc.ts';
import { sendByJakartaMail } from './clients/jakarta-mail.ts';
import { DEMO, type Demo, startDemo } from './demo.ts';
import { makeFolder, removeFolder } from './folder.ts';
import { composeLetter } from './letter.ts';
import { readPage, type Step } from './page.ts';
import { runProgram } from './program.ts';
import { signIn } from './sign-in.ts';

const PAGE = readPage(new URL('../../docs/clients.md', import.meta.url));
const PREPARATION = 'Before the first message';
/** Needs a terminal and a person: device.test.ts follows it. */
const AT_A_TERMINAL = 'Without a browser';

/** What must lie in the inbox after each section; the git section needs msmtp's. */
const SECTIONS: {
  heading: string;
  subjects: string[];
  sender?: string;
  /** Sends, where the section only says how to be set up. */
  send?: () => Promise<void>;
}[] = [
  { heading: 'msmtp', subjects: ['Hello from msmtp'] },
  { heading: 'mutt and NeoMutt', subjects: ['Hello from mutt', 'Hello from NeoMutt'] },
  { heading: 's-nail', subjects: ['Hello from s-nail'] },
  { heading: 'aerc', subjects: ['Hello from aerc'], send: sendByAerc },
  { heading: 'git send-email', subjects: ['[PATCH] Hello from git'] },
  { heading: 'curl', subjects: ['Hello from curl'] },
  { heading: 'nodemailer', subjects: ['Hello from nodemailer'], sender: DEMO.sender },
  { heading: 'Python', subjects: ['Hello from Python'] },
  { heading: 'PHPMailer', subjects: ['Hello from PHPMailer'], sender: DEMO.sender },
  {
    heading: 'Jakarta Mail',
    subjects: [expect.stringMatching(/^letter /)],
    sender: DEMO.sender,
    send: sendByJava,
  },
  { heading: 'swaks', subjects: [] },
];

const BOB = 'bob@example.org';

let home: string;
let demo: Demo;

beforeAll(async () => {
  home = makeFolder('home');
  demo = await startDemo();
  await follow(PREPARATION);
  await signIn({ ...DEMO, home });
});
afterAll(async () => {
  await demo?.close();
  removeFolder(home);
});

async function follow(heading: string): Promise<void> {
  const steps = PAGE.get(heading);
  if (!steps) throw new Error(`docs/clients.md has no section "${heading}"`);
  for (const step of steps) await take(step);
}

async function take(step: Step): Promise<void> {
  if (step.kind === 'file') {
    const file = step.path.startsWith('~/') ? join(home, step.path.slice(2)) : join(demo.folder, step.path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, step.text, { mode: 0o600 });
    return;
  }
  const environment = { HOME: home, PATH: path() };
  const { code, text } = await runProgram('bash', ['-euo', 'pipefail', '-c', step.text], {
    folder: demo.folder,
    environment,
  });
  expect(code, `${step.text}\n${text}`).toBe(0);
}

const path = (): string => `${join(home, '.local/bin')}:${process.env['PATH']}`;

async function sendByAerc(): Promise<void> {
  const given = { home, ca: demo.ca, recipients: [BOB], path: path() };
  expect(await sendWithAerc({ ...given, subject: 'Hello from aerc' })).toBe('Message sent.');
}

async function sendByJava(): Promise<void> {
  const letter = { ...composeLetter({ from: DEMO.sender, to: [BOB] }) };
  const settings = readFileSync(join(demo.folder, 'mail.properties'), 'utf8');
  const given = { ca: demo.ca, folder: home, letter, recipients: [BOB], settings };
  const { delivered, told } = await sendByJakartaMail({
    ...given,
    user: DEMO.sender,
    token: await demo.token(),
  });
  expect(delivered, told).toBe(true);
}

test('every section with something to do is followed here', () => {
  const withSteps = [...PAGE].filter(([, steps]) => steps.length > 0).map(([heading]) => heading);
  expect(withSteps).toEqual([PREPARATION, AT_A_TERMINAL, ...SECTIONS.map(({ heading }) => heading)]);
});

test.each(SECTIONS)('$heading', async ({ heading, subjects, sender = 'alice@example.org', send }) => {
  const before = demo.inbox().length;
  await follow(heading);
  await send?.();
  const arrived = demo
    .inbox()
    .slice(before)
    .map((content) => content.toString());
  expect(arrived.map((text) => /^Subject: (.*)\r$/m.exec(text)?.[1])).toEqual(subjects);
  for (const text of arrived) {
    expect(text).toMatch(/^X-Envelope-From: .*\r\nX-Envelope-To: bob@example\.org\r\n/);
    expect(text).toContain(`X-Envelope-From: ${sender}\r\n`);
  }
});
