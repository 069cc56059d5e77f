// nodemailer, as an app would use it.

import { readFileSync } from 'node:fs';
import { createTransport } from 'nodemailer';
import type { MailClient } from './client.ts';
import { traceOf } from './nodemailer-trace.ts';

export const nodemailer: MailClient = {
  name: 'nodemailer',
  mechanisms: ['XOAUTH2'],
  async submit(attempt) {
    const trace = traceOf();
    const transport = createTransport({
      host: 'localhost',
      port: attempt.port,
      secure: attempt.tls === 'implicit',
      requireTLS: true,
      tls: { ca: readFileSync(attempt.ca) },
      auth: { type: 'OAuth2', user: attempt.user, accessToken: attempt.token },
      logger: trace.logger,
      debug: true,
    });
    try {
      const info = await transport.sendMail({
        envelope: { from: attempt.mailFrom, to: [...attempt.recipients] },
        raw: attempt.letter.bytes,
      });
      return { delivered: info.rejected.length === 0, told: `${trace.text()}\n${JSON.stringify(info)}` };
    } catch (error) {
      const { code, responseCode, response, message } = error as Record<string, unknown>;
      return {
        delivered: false,
        told: `${trace.text()}\n${JSON.stringify({ code, responseCode, response, message })}`,
      };
    } finally {
      transport.close();
    }
  },
};
