// Python's smtplib, through submit.py.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../program.ts';
import type { MailClient } from './client.ts';

const SCRIPT = fileURLToPath(new URL('./submit.py', import.meta.url));

export const python: MailClient = {
  name: 'Python smtplib',
  mechanisms: ['OAUTHBEARER', 'XOAUTH2'],
  async submit(attempt) {
    const { folder, letter, token, recipients, ...rest } = attempt;
    const file = join(folder, `${letter.mark}.eml`);
    writeFileSync(file, letter.bytes);
    const given = { ...rest, recipients, file, token };
    const { code, text } = await runProgram('python3', [SCRIPT], { folder, input: JSON.stringify(given) });
    return { delivered: code === 0, told: `${text}\nexit code ${code}` };
  },
};
