// `postern config reference`: every setting explained, as a configuration file, a page of tables or a JSON Schema.

import { type Command, Option } from 'commander';
import { type CommandLine, EXIT, type Surroundings, say, sayJson } from './surroundings.ts';

export function addConfigReference(config: Command, { surroundings, run }: CommandLine): void {
  config
    .command('reference')
    .description('print every setting with its meaning, kind and default')
    .addOption(new Option('--markdown', 'print tables for docs/configuration.md').conflicts('json'))
    .option('--json', 'print the JSON Schema, for editors')
    .addHelpText(
      'after',
      `
What is printed is a complete configuration: change what you need, then check it.

Examples:
  postern config reference > postern.yaml
  postern config check postern.yaml`,
    )
    .action((options: { markdown?: boolean; json?: boolean }) =>
      run(() => printReference({ ...options, surroundings })),
    );
}

export async function printReference(given: {
  markdown?: boolean;
  json?: boolean;
  surroundings: Surroundings;
}): Promise<number> {
  const { surroundings } = given;
  if (given.json === true) {
    const { SETTINGS_SCHEMA } = await import('../config/schema.ts');
    sayJson(surroundings, {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      title: 'Postern configuration',
      ...SETTINGS_SCHEMA,
    });
    return EXIT.done;
  }
  const { renderReferenceTable } = await import('../config/reference-table.ts');
  const { renderReference } = await import('../config/reference.ts');
  const text = given.markdown === true ? renderReferenceTable() : renderReference();
  say(surroundings.output, text.trimEnd());
  return EXIT.done;
}
