// The house stands as it was drawn: every file under src/ is read and held against the rules.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { RULES, type Source } from './architecture-rules.ts';

const SRC = fileURLToPath(new URL('../../src/', import.meta.url));

const entries = readdirSync(SRC, { recursive: true, withFileTypes: true });
const sources: Source[] = entries
  .filter((entry) => entry.isFile() && /\.(ts|js)$/.test(entry.name))
  .map((entry) => join(entry.parentPath, entry.name))
  .map((file) => ({ path: file.slice(SRC.length), text: readFileSync(file, 'utf8') }));
const folders = entries
  .filter((entry) => entry.isDirectory())
  .map((entry) => join(entry.parentPath, entry.name));

describe('the house', () => {
  it('is found at all', () => {
    expect(sources.length).toBeGreaterThan(50);
  });

  it.each(RULES)('$name', ({ why, violations }) => {
    const found = sources.flatMap((source) =>
      violations(source).map((fault) => `src/${source.path} ${fault}`),
    );
    expect(found, why).toEqual([]);
  });

  it('tells in a README of 3 to 8 lines what each folder owns', () => {
    const found = folders.flatMap((folder) => {
      const file = join(folder, 'README.md');
      if (!existsSync(file)) return [`${folder.slice(SRC.length)} has no README.md`];
      const lines = readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line.trim() !== '');
      return lines.length >= 3 && lines.length <= 8
        ? []
        : [`${folder.slice(SRC.length)}: ${lines.length} lines`];
    });
    expect(
      found,
      'What a folder owns, does not own and hands on must be known before its files are read.',
    ).toEqual([]);
  });
});

/** One breach of each rule; a rule that lets it pass guards nothing. */
const BREACHES: [rule: string, path: string, text: string][] = [
  ['imports point down', 'sasl/x.ts', "import { a } from '../token/verifier.ts';"],
  ['imports point down', 'submission/x.ts', "import type { A } from '../authorization/server.ts';"],
  ['imports point down', 'administration/x.ts', "import { a } from '../submission/listener.ts';"],
  ['imports point down', 'submission/x.ts', "import type { A } from '../administration/door.ts';"],
  ['imports point down', 'command/x.ts', "import { a } from '../administration/server.ts';"],
  ['imports point down', 'policy/x.ts', "import { a } from '../audit/audit.ts';"],
  ['imports point down', 'store/x.ts', "import { a } from '../token/verifier.ts';"],
  ['imports point down', 'config/x.ts', "import { a } from '../token/verifier.ts';"],
  ['imports point down', 'command/x.ts', "const { a } = await import('../store/open.ts');"],
  ['imports point down', 'authorization/pages/x.ts', "import {\n  a,\n  b,\n} from '../../store/open.ts';"],
  ['imports point down', 'refusal.ts', "export { a } from './setting.ts';"],
  ['imports point down', 'token/x.ts', "import '../demo/demo.ts';"],
  ['one vendor, one importer', 'policy/x.ts', "import { jwtVerify } from 'jose';"],
  ['one vendor, one importer', 'token/x.ts', "import x from 'nodemailer/lib/smtp-connection';"],
  ['one vendor, one importer', 'token/x.ts', "import x from 'left-pad';"],
  ['one vendor, one importer', 'token/x.ts', "import { spawn } from 'node:child_process';"],
  ['only token/ makes a Principal', 'submission/x.ts', 'const a = {} as unknown as Principal;'],
  ['only token/ makes a Principal', 'submission/x.ts', 'const a = b as Principal;'],
  ['the first line is a comment that says what the file owns', 'token/x.ts', 'import a;\n// What it owns.'],
  ['no file is longer than 300 lines', 'token/x.ts', '// x\n'.repeat(301)],
  ['files and folders are kebab-case nouns and acts of the trade', 'token/helpers.ts', ''],
  ['files and folders are kebab-case nouns and acts of the trade', 'utils/x.ts', ''],
  ['files and folders are kebab-case nouns and acts of the trade', 'token/keyRing.ts', ''],
  ['a file does not repeat the name of its folder', 'token/token-verifier.ts', ''],
  ['the bare word auth is not used', 'token/x.ts', 'const auth = 1;'],
  ['the bare word auth is not used', 'token/x.ts', 'function f({ auth }: A) {}'],
  ['the bare word auth is not used', 'auth/x.ts', ''],
];

describe('a rule', () => {
  it.each(BREACHES)('"%s" is broken by %s with %j', (name, path, text) => {
    const rule = RULES.find((candidate) => candidate.name === name);
    expect(rule?.violations({ path, text })).not.toEqual([]);
  });

  it('does not mistake a comment, a text or a pattern for code', () => {
    const text = `// Owns what is said of auth.
import type { Principal } from '../principal.ts';
/* as Principal */ const a = 'auth=Bearer'; const b = /^auth /i; const c = \`auth \${a}\`;
`;
    expect(RULES.flatMap(({ violations }) => violations({ path: 'sasl/x.ts', text }))).toEqual([]);
  });
});
