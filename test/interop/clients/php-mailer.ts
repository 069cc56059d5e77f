// PHPMailer, through submit.php. It writes the header itself, around the body of the letter, and sends a blank line behind it.

import { fileURLToPath } from 'node:url';
import { runProgram } from '../program.ts';
import type { MailClient } from './client.ts';

const CRLF = Buffer.from('\r\n');
const SCRIPT = fileURLToPath(new URL('./submit.php', import.meta.url));

export const phpMailer: MailClient = {
  name: 'PHPMailer',
  mechanisms: ['XOAUTH2'],
  async submit({ folder, letter, ...attempt }) {
    const text = letter.bytes.toString();
    const body = text.slice(text.indexOf('\r\n\r\n') + 4);
    const given = { ...attempt, subject: `letter ${letter.mark}`, body };
    const { code, output, errors } = await runProgram('php', [SCRIPT], {
      folder,
      input: JSON.stringify(given),
    });
    return {
      delivered: code === 0,
      told: `${errors}\nexit code ${code}`,
      ...(code === 0 && { sent: Buffer.concat([Buffer.from(output, 'base64'), CRLF]) }),
    };
  },
};
