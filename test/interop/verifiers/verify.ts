// Owns the judgement on DKIM signatures by two programs that did not make them, with DNS answers out of a file.

import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../program.ts';

const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export const VERIFIERS = {
  dkimpy: ['/usr/bin/python3', program('dkimpy.py'), 'verify'],
  'Mail::DKIM': ['/usr/bin/perl', program('mail-dkim.pl')],
} as const;
export type VerifierName = keyof typeof VERIFIERS;

/** TXT records by name, such as `selector._domainkey.example.org`. */
export type DnsRecords = Readonly<Record<string, string>>;

export interface Verifier {
  /** The word on each signature by its selector: `pass`, or why not. */
  verify(name: VerifierName, message: Buffer): Promise<Record<string, string>>;
  /** A signature field of somebody else's, made by dkimpy. */
  sign(message: Buffer, options: SignOptions): Promise<string>;
}

export interface SignOptions {
  readonly privateKey: string;
  readonly domain: string;
  readonly selector: string;
  readonly form: 'simple' | 'relaxed';
  readonly names: readonly string[];
}

/** @param folder where messages and records are put for them */
export function openVerifier(folder: string, records: DnsRecords): Verifier {
  const put = (content: string | Buffer): string => {
    const file = join(folder, randomUUID());
    writeFileSync(file, content);
    return file;
  };
  const recordsFile = put(JSON.stringify(records));

  async function run(command: readonly string[], parameters: readonly string[]): Promise<string> {
    const [first = '', ...rest] = command;
    const { code, output, text } = await runProgram(first, [...rest, ...parameters], { folder });
    if (code !== 0) throw new Error(text);
    return output;
  }

  return {
    async verify(name, message) {
      const output = await run(VERIFIERS[name], [put(message), recordsFile]);
      const lines = output
        .trimEnd()
        .split('\n')
        .filter((line) => line !== '');
      return Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]),
      );
    },
    sign(message, { privateKey, domain, selector, form, names }) {
      const command = ['/usr/bin/python3', program('dkimpy.py'), 'sign'];
      return run(command, [put(message), put(privateKey), domain, selector, form, names.join(':')]);
    },
  };
}
