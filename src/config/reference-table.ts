// The tables of docs/configuration.md, made from the same schema as everything else about settings.

import { ownSettings, type SchemaNode, SETTINGS_SCHEMA } from './schema.ts';
import { kindName } from './wording.ts';

const PREFACE = `# Configuration

<!-- Made from the schema by \`npm run -s postern -- config reference --markdown > docs/configuration.md\`; edit the schema, not this page. -->

A configuration is one YAML file. \`config/postern.example.yaml\` is a complete one with every setting explained;
\`postern config check FILE\` names every fault of a file at once, each with its line and its path;
\`postern config reference --json\` prints the JSON Schema for editors.

- **Durations** are a number and a unit: \`500ms\`, \`30s\`, \`15m\`, \`12h\`, \`90d\`.
- **Paths** count from the folder of the configuration file.
- **Secrets** never stand in the file: \`{file: PATH}\` or \`{env: NAME}\`. A newline at the end of such a file is not part of the secret.
- **\`[]\`** after a name means: for each item of the list.
- A setting that is allowed but dangerous is named when Postern starts, and by \`postern config check\`.
`;

/** One section of text and one table for each section of the file. */
export function renderReferenceTable(): string {
  const sections = Object.entries(SETTINGS_SCHEMA.properties ?? {}).map(([name, node]) => {
    const optional = SETTINGS_SCHEMA.required?.includes(name) === true ? '' : ' Optional.';
    const head = ['| setting | kind | default | meaning |', '|---|---|---|---|'];
    const rows = (node.items ? settingRows(node.items, '[]') : settingRows(node, '')).join('\n');
    return `## ${name}\n\n${node.description ?? ''}${optional}\n\n${head.join('\n')}\n${rows}\n`;
  });
  return `${PREFACE}\n${sections.join('\n')}`;
}

function settingRows(section: SchemaNode, path: string): string[] {
  return ownSettings(section).flatMap(([name, node]) => {
    const own = path === '' ? name : `${path}.${name}`;
    const isRequired = section.required?.includes(name) === true;
    const row = `| \`${own}\` | ${cell(kindName(node))} | ${presence(node, isRequired)} | ${cell(node.description ?? '')} |`;
    if (node.type === 'object') return [row, ...settingRows(node, own)];
    if (node.type === 'array' && node.items?.type === 'object') {
      return [row, ...settingRows(node.items, `${own}[]`)];
    }
    return [row];
  });
}

function presence(node: SchemaNode, isRequired: boolean): string {
  if (node.default !== undefined && node.type !== 'object') {
    return `\`${cell(typeof node.default === 'string' ? node.default : JSON.stringify(node.default))}\``;
  }
  return isRequired && node.default === undefined ? '**required**' : 'none';
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
