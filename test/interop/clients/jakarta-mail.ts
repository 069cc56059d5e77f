// Jakarta Mail, once JavaMail, through submit.bsh.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../program.ts';
import type { Attempt, MailClient, Outcome } from './client.ts';

const SCRIPT = fileURLToPath(new URL('./submit.bsh', import.meta.url));
const CLASSES = ['bsh', 'jakarta-mail', 'jakarta-activation'].map((name) => `/usr/share/java/${name}.jar`);

export const jakartaMail: MailClient = {
  name: 'Jakarta Mail',
  mechanisms: ['XOAUTH2'],
  async submit(attempt) {
    const { mechanism, port, tls } = attempt;
    const settings = `
mail.smtp.host=localhost
mail.smtp.port=${port}
${tls === 'implicit' ? 'mail.smtp.ssl.enable=true' : 'mail.smtp.starttls.enable=true\nmail.smtp.starttls.required=true'}
mail.smtp.ssl.checkserveridentity=true
mail.smtp.auth=true
mail.smtp.auth.mechanisms=${mechanism}
mail.smtp.from=${attempt.mailFrom}
mail.smtp.allow8bitmime=true
`;
    return await sendByJakartaMail({ ...attempt, settings });
  },
};

/** @param given.settings the properties of its session */
export async function sendByJakartaMail(
  given: Pick<Attempt, 'ca' | 'folder' | 'letter' | 'recipients' | 'token' | 'user'> & { settings: string },
): Promise<Outcome> {
  const { folder, letter } = given;
  const file = join(folder, `${letter.mark}.eml`);
  writeFileSync(file, letter.bytes);
  const settings = join(folder, `${letter.mark}.properties`);
  writeFileSync(settings, given.settings);
  const { ca, recipients, token, user } = given;
  const lines = Object.entries({ ca, file, recipients: recipients.join(','), settings, token, user });
  const { code, text } = await runProgram(
    'java',
    ['-XX:TieredStopAtLevel=1', '-classpath', CLASSES.join(':'), 'bsh.Interpreter', SCRIPT],
    { folder, input: lines.map(([name, value]) => `${name}=${value}\n`).join('') },
  );
  return { delivered: code === 0, told: `${text}\nexit code ${code}` };
}
