// `postern config check FILE`: every fault of a configuration at once, without starting anything.

import { resolve } from 'node:path';
import type { Command } from 'commander';
import { formatFault } from '../config/fault.ts';
import { type CommandLine, EXIT, type Surroundings, say, sayJson } from './surroundings.ts';

export function addConfigCheck(config: Command, { surroundings, run }: CommandLine): void {
  config
    .command('check')
    .description('read a configuration and name every fault of it')
    .argument('<file>', 'the configuration file')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Nothing is started and no port is opened. The certificates, keys and secrets named in the file are read, so run
it as the user that Postern will run as.

Examples:
  postern config check /etc/postern/postern.yaml
  postern config check --json postern.yaml | jq -r '.faults[] | .path'

Exit codes: 0 sound (dangers are named but allowed), 1 faults, 2 wrong use.`,
    )
    .action((file: string, options: { json?: boolean }) =>
      run(() => checkConfig({ file, isJson: options.json === true, surroundings })),
    );
}

/** The loader is imported late, as every command's work is: `postern token` runs often and must start fast. */
export async function checkConfig(given: {
  file: string;
  isJson: boolean;
  surroundings: Surroundings;
}): Promise<number> {
  const { file, surroundings } = given;
  const { loadSettingsFile } = await import('../config/load.ts');
  const loaded = loadSettingsFile(resolve(surroundings.directory, file), surroundings.environment);
  const exitCode = 'faults' in loaded ? EXIT.failed : EXIT.done;
  if (given.isJson) {
    const result = 'faults' in loaded ? { faults: loaded.faults } : { faults: [], dangers: loaded.dangers };
    sayJson(surroundings, { file, sound: exitCode === EXIT.done, ...result });
    return exitCode;
  }
  if ('faults' in loaded) {
    for (const fault of loaded.faults) say(surroundings.output, formatFault(file, fault));
    say(surroundings.errors, spellCount(loaded.faults.length));
    return exitCode;
  }
  for (const danger of loaded.dangers) say(surroundings.output, `${file}: danger: ${danger}`);
  say(surroundings.output, `${file}: sound`);
  return exitCode;
}

export function spellCount(faults: number): string {
  return faults === 1 ? '1 fault.' : `${faults} faults.`;
}
