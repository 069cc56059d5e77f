// Messages of Postern's own: composed by nodemailer, signed in with an access token, sent over verified TLS.

import type { Readable } from 'node:stream';
import { createTransport, type NodemailerError } from 'nodemailer';
import type { SMTPConnectionCustomAuthContext } from 'nodemailer/lib/smtp-connection';
import type { Secret } from '../setting.ts';
import { afterFailure, fitsInCommand, toBase64, tokenMessage } from './login/token-words.ts';

export interface MailerSettings {
  readonly host: string;
  readonly port: number;
  /** `starttls`: upgraded before anything else is said; `implicit`: from the first byte. Never without. */
  readonly tls: 'starttls' | 'implicit';
  /** PEM text of authorities trusted instead of the system's. */
  readonly ca?: string | undefined;
  /** The sender's address; it must be one the token stands for. */
  readonly user: string;
  readonly token: Secret;
  /** Milliseconds; 30 s to connect and 10 min for a silent peer where absent. */
  readonly timeouts?: { readonly connect: number; readonly silence: number };
}

export interface OutgoingMessage {
  readonly from: string;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  /** In the envelope only. */
  readonly bcc: readonly string[];
  readonly subject: string;
  /** Plain text; a stream is sent as it comes, in constant memory. */
  readonly text: string | Readable;
  readonly attachments: readonly { readonly filename: string; readonly content: Readable }[];
}

export interface RejectedRecipient {
  readonly address: string;
  /** The server's own words. */
  readonly reply: string;
}

export type MailOutcome =
  | {
      readonly sent: true;
      readonly messageId: string;
      readonly accepted: readonly string[];
      readonly rejected: readonly RejectedRecipient[];
      /** The server's reply to the whole message. */
      readonly reply: string;
    }
  | {
      readonly sent: false;
      /** The step that failed; `input`: the body or an attachment could not be read. */
      readonly step: 'connect' | 'tls' | 'login' | 'envelope' | 'message' | 'input';
      /** One line for a person. */
      readonly reason: string;
      /** The server's own words, where it spoke. */
      readonly reply?: string;
      readonly rejected: readonly RejectedRecipient[];
    };

/** Sends one message, and destroys its streams. Every expected failure is an outcome; only faults of the program throw. */
export async function sendMail(given: {
  settings: MailerSettings;
  message: OutgoingMessage;
}): Promise<MailOutcome> {
  const { settings, message } = given;
  const transport = createTransport({
    host: settings.host,
    port: settings.port,
    secure: settings.tls === 'implicit',
    requireTLS: settings.tls === 'starttls',
    connectionTimeout: settings.timeouts?.connect ?? 30_000,
    greetingTimeout: settings.timeouts?.connect ?? 30_000,
    socketTimeout: settings.timeouts?.silence ?? 600_000,
    tls: { minVersion: 'TLSv1.2', ...(settings.ca === undefined ? {} : { ca: settings.ca }) },
    // The login is ours, because nodemailer knows no OAUTHBEARER; a server that offers no login gets no message either.
    auth: { type: 'custom', method: 'BEARER' },
    customAuth: { BEARER: (context) => loginWithToken(context, settings) },
    forceAuth: true,
    // A message of ours is made of streams; a path or URL in it could only come from a mistake.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  // nodemailer listens from when it reads, and lets go of a stream it does not need any more; an error before that must
  // not end the process.
  for (const stream of inputStreams(message)) stream.on('error', () => {});
  try {
    const info = await transport.sendMail({
      from: message.from,
      to: [...message.to],
      cc: [...message.cc],
      bcc: [...message.bcc],
      subject: message.subject,
      text: message.text,
      attachments: [...message.attachments],
    });
    return {
      sent: true,
      messageId: info.messageId,
      accepted: info.accepted,
      rejected: rejections(info.rejectedErrors),
      reply: info.response,
    };
  } catch (error) {
    return failure(error as NodemailerError, settings);
  } finally {
    transport.close();
  }
}

function inputStreams(message: OutgoingMessage): Readable[] {
  const contents = message.attachments.map(({ content }) => content);
  return typeof message.text === 'string' ? contents : [message.text, ...contents];
}

async function loginWithToken(
  context: SMTPConnectionCustomAuthContext,
  settings: MailerSettings,
): Promise<void> {
  // nodemailer lists the mechanisms it knows only: where XOAUTH2 is not among them, the standard's one is tried.
  const mechanism = context.authMethods.includes('XOAUTH2') ? 'XOAUTH2' : 'OAUTHBEARER';
  const response = toBase64(tokenMessage(mechanism, { mailbox: settings.user, token: settings.token }));
  const inOneLine = `AUTH ${mechanism} ${response}`;
  const isShort = fitsInCommand(inOneLine);
  let reply = await context.sendCommand(isShort ? inOneLine : `AUTH ${mechanism}`);
  if (!isShort && isChallenge(reply)) reply = await context.sendCommand(response);
  if (isChallenge(reply)) reply = await context.sendCommand(afterFailure(mechanism));
  if (reply.status === 235) context.resolve();
  else if (reply.status === 535) context.reject('the server did not accept the token');
  else context.reject('the server did not take a sign-in with a token');
}

/** The status alone does not tell: nodemailer reads none from the bare `334` that an empty challenge is. */
function isChallenge(reply: { response: string }): boolean {
  return reply.response.startsWith('334');
}

function rejections(errors: readonly NodemailerError[] | undefined): RejectedRecipient[] {
  return (errors ?? []).map((error) => ({ address: error.recipient ?? '', reply: oneLine(error.response) }));
}

function failure(error: NodemailerError, settings: MailerSettings): MailOutcome {
  const rejected = rejections(error.rejectedErrors);
  const known = explain(error, settings);
  // Without a code it is no answer of the network or the server, but a fault of ours.
  if (known === undefined) throw error;
  return {
    sent: false,
    ...known,
    rejected,
    ...(error.response === undefined ? {} : { reply: oneLine(error.response) }),
  };
}

function explain(
  error: NodemailerError,
  settings: MailerSettings,
): { step: Extract<MailOutcome, { sent: false }>['step']; reason: string } | undefined {
  const where = `${settings.host}:${settings.port}`;
  const cause = error.originalCode ?? error.code ?? '';
  if (/^(CERT_|ERR_TLS_CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/.test(cause)) {
    return { step: 'tls', reason: `the certificate of ${where} is not trusted: ${oneLine(error.message)}` };
  }
  switch (error.code) {
    case 'EDNS':
      return { step: 'connect', reason: `there is no host ${settings.host}` };
    case 'ECONNECTION':
    case 'ESOCKET':
      return { step: 'connect', reason: connectionReason(where, cause, error.message) };
    case 'ETIMEDOUT':
      return { step: 'connect', reason: `${where} does not answer in time` };
    case 'ETLS':
      return { step: 'tls', reason: `no TLS with ${where}: ${oneLine(error.message)}` };
    case 'EAUTH':
      return { step: 'login', reason: oneLine(error.message.replace(`: ${error.response}`, '')) };
    case 'EENVELOPE':
      return { step: 'envelope', reason: 'the server refused the sender or every recipient' };
    case 'EMESSAGE':
      return { step: 'message', reason: 'the server refused the message' };
    case 'EPROTOCOL':
      return { step: 'connect', reason: `${where} does not speak SMTP as expected` };
    case 'ESTREAM':
      return { step: 'input', reason: `the message could not be read to its end: ${oneLine(error.message)}` };
    default:
      return undefined;
  }
}

function connectionReason(where: string, cause: string, message: string): string {
  if (cause === 'ECONNREFUSED') return `nothing listens at ${where}`;
  if (cause === 'ECONNRESET') return `${where} closed the connection`;
  return `no connection to ${where}: ${oneLine(message)}`;
}

/** The server's words come from outside: no line breaks, no control characters, not without end. */
function oneLine(text: string | undefined): string {
  return (text ?? '')
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ')
    .trim()
    .slice(0, 500);
}
