// Owns the text of docs/events.md, made from the catalogue.

import { EVENTS } from './catalogue.ts';

/** The text of docs/events.md. */
export function eventsReference(): string {
  const sections = Object.entries(EVENTS).map(([name, { level, says, fields }]) => {
    const rows = Object.entries(fields).map(([field, meaning]) => `| \`${field}\` | ${meaning} |`);
    const table = rows.length === 0 ? [] : ['', '| field | meaning |', '|---|---|', ...rows];
    return [`## ${name}`, '', `\`${level}\`: ${says}`, ...table, ''].join('\n');
  });
  return `${INTRODUCTION}\n${sections.join('\n')}`;
}

const INTRODUCTION = `# Events

Postern’s journal is JSON lines on standard output, one line per event. Every line has \`level\`, \`time\` (UTC) and
\`event\`, then the fields of that event; a field without a value is left out. \`audit.level\` sets the least level
written. Lines of \`debug\` and \`trace\` without \`event\` (\`where\`, \`text\`) come from the protocol engines.

No line holds a token, a password, a subject or a body. More than 50 refusals a second from one address become one
\`refusalsSuppressed\` line a second.

This page is made from \`src/audit/catalogue.ts\`; a test keeps the two alike.
`;
