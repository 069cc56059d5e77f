// Owns the sending of one message over an open session, with DATA or BDAT, and the replies it gets.

import { NoReply, type SmtpClient } from '../support/smtp-client.ts';
import { stuffed } from './session.ts';

export interface Mail {
  /** What stands behind `MAIL FROM:`, parameters included. */
  readonly mailFrom: string;
  /** What stands behind each `RCPT TO:`. */
  readonly recipients: readonly string[];
  /** As it is to arrive: no dot is stuffed. */
  readonly message: Buffer;
  /** Sent with BDAT (RFC 3030): the length of each chunk; what is left goes with the last. Otherwise with DATA. */
  readonly chunks?: readonly number[];
}

export interface Answers {
  readonly mailFrom: string;
  readonly recipients: readonly string[];
  /** To DATA, and to the whole message; or to each chunk. */
  readonly message: readonly string[];
}

/** @param options.pipelining the server offers it (RFC 2920): the envelope goes in one group */
export async function submit(
  client: SmtpClient,
  mail: Mail,
  { pipelining = true }: { pipelining?: boolean } = {},
): Promise<Answers> {
  const commands = [
    `MAIL FROM:${mail.mailFrom}`,
    ...mail.recipients.map((recipient) => `RCPT TO:${recipient}`),
  ];
  const [mailFrom = '', ...answers] = await (pipelining ? sayAtOnce : sayOneByOne)(client, commands);
  if (!answers.some((answer) => answer.startsWith('2'))) {
    await client.command('RSET');
    return { mailFrom, recipients: answers, message: [] };
  }
  const message = mail.chunks
    ? await sendChunks(client, mail.message, mail.chunks)
    : await sendData(client, mail);
  return { mailFrom, recipients: answers, message };
}

async function sayAtOnce(client: SmtpClient, commands: readonly string[]): Promise<string[]> {
  await client.write(Buffer.from(commands.map((command) => `${command}\r\n`).join('')));
  const answers: string[] = [];
  for (const _ of commands) answers.push(await read(client));
  return answers;
}

async function sayOneByOne(client: SmtpClient, commands: readonly string[]): Promise<string[]> {
  const answers: string[] = [];
  for (const command of commands) answers.push(...(await sayAtOnce(client, [command])));
  return answers;
}

async function sendData(client: SmtpClient, { message }: Mail): Promise<string[]> {
  await client.write('DATA\r\n');
  const answers = [await read(client)];
  if (!answers[0]?.startsWith('354')) return answers;
  // RFC 5321 §4.1.1.4: the CRLF in front of the final dot belongs to the message, so one without any gets one.
  const end = message.length === 0 || message.subarray(-2).equals(CRLF) ? '.\r\n' : '\r\n.\r\n';
  await client.write(Buffer.concat([stuffed(message), Buffer.from(end)]));
  return [...answers, await read(client)];
}

async function sendChunks(
  client: SmtpClient,
  message: Buffer,
  lengths: readonly number[],
): Promise<string[]> {
  const answers: string[] = [];
  let at = 0;
  for (const length of lengths) {
    answers.push(await sendChunk(client, message.subarray(at, at + length), ''));
    at += length;
  }
  answers.push(await sendChunk(client, message.subarray(at), ' LAST'));
  return answers;
}

async function sendChunk(client: SmtpClient, chunk: Buffer, last: string): Promise<string> {
  await client.write(Buffer.concat([Buffer.from(`BDAT ${chunk.length}${last}\r\n`), chunk]));
  return await read(client);
}

const CRLF = Buffer.from('\r\n');

/** One reply, its lines joined; `closed` where the server has hung up instead. */
export async function read(client: SmtpClient): Promise<string> {
  try {
    return (await client.readReply()).join('\n');
  } catch (error) {
    if (error instanceof NoReply && client.ended) return 'closed';
    throw error;
  }
}
