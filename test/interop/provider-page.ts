// Owns the following of a page of docs/identity-providers/: its files and commands, and the settings it gives to Postern, with the
// addresses and secrets of a test in place of its own.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { readPage } from './page.ts';
import { runProgram } from './program.ts';

export interface ProviderPage {
  /** Writes the files of a section into the folder, and runs its commands there. Gives what they have printed. */
  follow(heading: string, options: FollowOptions): Promise<string>;
  /** What it has in a file of JSON. */
  json(file: string): Readonly<Record<string, unknown>>;
  /** What the page gives to Postern in this file: sections of a configuration. */
  settings(file: string): Settings;
}

export interface FollowOptions {
  readonly folder: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Settings {
  readonly authorization?: { readonly identityProvider: Readonly<Record<string, unknown>> };
  readonly token?: { readonly trustedIssuers: readonly TrustedIssuer[] };
}

export type TrustedIssuer = Readonly<Record<string, unknown>> & {
  readonly introspection: Readonly<Record<string, unknown>>;
};

/** @param replacements texts of the page and what they are here */
export function readProviderPage(name: string, replacements: Readonly<Record<string, string>>): ProviderPage {
  const page = readPage(new URL(`../../docs/identity-providers/${name}`, import.meta.url));
  const here = (text: string) =>
    Object.entries(replacements).reduce((so, [from, to]) => so.replaceAll(from, to), text);

  async function follow(heading: string, { folder, environment = {} }: FollowOptions): Promise<string> {
    const steps = page.get(heading);
    if (!steps) throw new Error(`${name} has no section "${heading}"`);
    let printed = '';
    for (const step of steps) {
      if (step.kind === 'file') {
        if (!step.path.endsWith('.yaml')) writeFileSync(join(folder, step.path), here(step.text));
        continue;
      }
      const run = await runProgram('sh', ['-ec', here(step.text)], { folder, environment });
      if (run.code !== 0) throw new Error(`${name}, "${heading}" ended with ${run.code}: ${run.text}`);
      printed += run.text;
    }
    return printed;
  }

  function textOf(file: string): string {
    const files = [...page.values()].flat().filter((step) => step.kind === 'file');
    const found = files.find(({ path }) => path === file || path.endsWith(`/${file}`));
    if (!found) throw new Error(`${name} has no ${file}`);
    return here(found.text);
  }

  return {
    follow,
    json: (file) => JSON.parse(textOf(file)),
    settings: (file) => parse(textOf(file)),
  };
}
