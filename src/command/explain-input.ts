// What `postern explain` is given: a token from a file or standard input, and a certificate. Neither is ever repeated.

import { createHash, X509Certificate } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { MAX_QUESTION_LENGTH } from '../explanation/verdict.ts';
import { CommandFailure, usageFailure } from './failure.ts';
import type { Surroundings } from './surroundings.ts';

/** One line without white space around it. Throws a CommandFailure for wrong use where there is none, or several. */
export async function readQuestion(
  file: string | undefined,
  { input, directory }: Surroundings,
): Promise<string> {
  if (file === undefined && input.isTTY === true) {
    throw usageFailure(
      'no token was given',
      'Pipe it in (`postern token | postern explain`), or name its file with --token-file FILE.',
    );
  }
  const source = file === undefined ? input : createReadStream(resolve(directory, file));
  const token = (await readText(source, '--token-file')).trim();
  const from = file === undefined ? 'standard input' : 'the file of --token-file';
  if (token === '') throw usageFailure(`${from} is empty`, 'Give the access token, in one line.');
  if (/[\r\n]/.test(token))
    throw usageFailure(`${from} holds several lines`, 'Give the access token alone, in one line.');
  if (token.startsWith('{'))
    throw usageFailure(`${from} holds JSON`, 'Give the access_token in it alone: jq -r .access_token');
  return token;
}

async function readText(source: Readable, option: string): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of source as AsyncIterable<Buffer | string>) {
      const bytes = Buffer.from(chunk as string);
      length += bytes.length;
      if (length > MAX_QUESTION_LENGTH) {
        const limit = `${MAX_QUESTION_LENGTH / 1024} KB`;
        throw usageFailure(`that is more than ${limit}`, 'Give the access token alone, in one line.');
      }
      chunks.push(bytes);
    }
  } catch (error) {
    if (error instanceof CommandFailure) throw error;
    // Its name is not repeated: somebody may have put the token itself there.
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw usageFailure(
      `the file of ${option} cannot be read (${code})`,
      'The option takes the name of a file, not what is in it.',
    );
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** The first certificate of the file as `cnf.x5t#S256` names it (RFC 8705 §3.1). */
export async function readCertificate(file: string, { directory }: Surroundings): Promise<string> {
  const pem = await readText(createReadStream(resolve(directory, file)), '--certificate');
  try {
    return createHash('sha256').update(new X509Certificate(pem).raw).digest('base64url');
  } catch {
    throw usageFailure('the file of --certificate holds no certificate', 'A PEM file is expected.');
  }
}
