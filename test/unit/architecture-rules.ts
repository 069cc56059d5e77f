// The rules of the house as functions: sources in, violations out, each with the reason why the rule exists.

/** One file under src/. */
export interface Source {
  /** From src/, such as `token/verifier.ts`. */
  readonly path: string;
  readonly text: string;
}

export interface Rule {
  readonly name: string;
  readonly why: string;
  /** Whether a file breaks the rule, and how. */
  readonly violations: (source: Source) => readonly string[];
}

const NOUNS = [
  'principal.ts',
  'envelope.ts',
  'refusal.ts',
  'setting.ts',
  'address.ts',
  'network.ts',
  'leaky-bucket.ts',
];
const LOWER = [
  'client-proof',
  'sasl',
  'token',
  'policy',
  'relay',
  'relying-party',
  'audit',
  'port',
  'tls',
  'dkim',
  'explanation',
];

/** Whom each part of the house may import: folders, or single files of them. Nouns are open to all. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'main.ts': ['command'],
  command: [
    'gateway.ts',
    'config',
    'relay/mailer.ts',
    'relying-party',
    'administration/client.ts',
    'explanation',
    'inspection',
  ],
  'gateway.ts': [
    'gateway',
    'start-failure.ts',
    'authorization',
    'submission',
    'administration',
    'store',
    'demo',
    'config',
    ...LOWER,
  ],
  gateway: ['start-failure.ts', 'submission', 'config', ...LOWER],
  authorization: ['token', 'relying-party', 'audit', 'tls'],
  submission: ['sasl', 'token', 'policy', 'relay', 'audit', 'port', 'tls', 'dkim'],
  administration: [...LOWER],
  ...Object.fromEntries(LOWER.map((folder) => [folder, []])),
  explanation: ['token', 'audit', 'sasl'],
  token: ['client-proof'],
  // It fulfils what the sign-in at an upstream declares, as store/ fulfils what others declare.
  'relying-party': ['client-proof', 'relay/login/token-source.ts'],
  store: [
    'token/account.ts',
    'token/keys/key-store.ts',
    'token/withdrawal/revocation-store.ts',
    'authorization/stores.ts',
    'tls/ticket-key-store.ts',
  ],
  config: [
    'tls/pair.ts',
    'tls/ciphers.ts',
    'dkim/key.ts',
    'token/issuers/claim-pattern.ts',
    'client-proof/signing-key.ts',
    'relying-party/upstream/service-account.ts',
    'authorization/open-clients/redirect-pattern.ts',
    'authorization/mutual-tls/authorities.ts',
    'authorization/mutual-tls/subject.ts',
  ],
  demo: ['relay/mailer.ts', 'relying-party'],
  inspection: [],
};

/** Files that only declare what an operator may say; config/ joins them and demo/ reads them. */
const SETTINGS_READERS = ['config', 'demo', 'authorization', 'submission'];

/** One vendor, one importer: packages, and built-in modules that are as far-reaching as a package. */
const VENDORS: Readonly<Record<string, readonly string[]>> = {
  'smtp-server': ['submission', 'demo'],
  nodemailer: ['relay', 'dkim/canonical.ts'],
  'openid-client': ['relying-party'],
  'oidc-provider': ['authorization', 'demo'],
  fastify: ['authorization', 'administration', 'audit', 'demo'],
  '@fastify/formbody': ['authorization', 'demo'],
  '@fastify/middie': ['authorization', 'demo'],
  // openid-client signs no assertion that names a mailbox (RFC 7523 §2.1); that one file does.
  jose: ['token', 'client-proof/assertion.ts'],
  pino: ['audit'],
  'prom-client': ['audit'],
  kysely: ['store'],
  'node:sqlite': ['store'],
  typebox: ['setting.ts', 'config'],
  commander: ['command'],
  yaml: ['config'],
  '@peculiar/x509': ['demo'],
  'reflect-metadata': ['demo'],
  'node:child_process': ['relying-party/browser.ts', 'demo/tour.ts'],
};

export const RULES: readonly Rule[] = [
  {
    name: 'imports point down',
    why: 'A folder can be read, tested and replaced alone only while it knows nothing of those above and beside it.',
    violations: (source) =>
      importsOf(source)
        .filter(({ target }) => target !== undefined)
        .flatMap(({ target = '' }) => (isAllowed(source.path, target) ? [] : [`imports ${target}`])),
  },
  {
    name: 'one vendor, one importer',
    why: 'A library that only one folder knows can be upgraded or replaced in an afternoon; name a new one in VENDORS.',
    violations: (source) =>
      importsOf(source).flatMap(({ vendor }) =>
        vendor === undefined || isVendorAllowed(source.path, vendor) ? [] : [`imports ${vendor}`],
      ),
  },
  {
    name: 'only token/ makes a Principal',
    why: 'Whoever holds a Principal may send mail as it; a cast elsewhere would be a way in without a verified token.',
    violations: ({ path, text }) =>
      folderOf(path) === 'token'
        ? []
        : [...codeOf(text).matchAll(/\bas\s+(?:\w+\s+as\s+)?Principal\b|<Principal>\s*[{(\w]/g)].map(
            ([cast]) => cast,
          ),
  },
  {
    name: 'the first line is a comment that says what the file owns',
    why: 'Whoever opens a file should know after one line whether it is the right one.',
    violations: ({ text }) => {
      const line = text.replace(/^#!.*\n/, '').split('\n', 1)[0] ?? '';
      return /^\/\/ \S.{10,}/.test(line) ? [] : [`begins with ${JSON.stringify(line.slice(0, 40))}`];
    },
  },
  {
    name: 'no file is longer than 300 lines',
    why: 'A longer file holds two things; each deserves its own name.',
    violations: ({ text }) => {
      const lines = text.trimEnd().split('\n').length;
      return lines > 300 ? [`has ${lines} lines`] : [];
    },
  },
  {
    name: 'files and folders are kebab-case nouns and acts of the trade',
    why: 'A folder of helpers is where things go that nobody has understood yet.',
    violations: ({ path }) =>
      path.split('/').flatMap((part) => {
        const name = part.replace(/\.(ts|js)$/, '');
        if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name)) return [`${name} is not kebab-case`];
        const forbidden = /^(helpers?|common|utils?|utilities|services?|misc|shared|lib)$/;
        return forbidden.test(name) ? [`${name} says nothing`] : [];
      }),
  },
  {
    name: 'a file does not repeat the name of its folder',
    why: 'token/token-verifier.ts says token twice; the folder has said it already.',
    violations: ({ path }) => {
      const parts = path.replace(/\.(ts|js)$/, '').split('/');
      const [name = '', folder = ''] = [parts.at(-1), parts.at(-2)];
      // Its one central thing may be called like the folder: audit/audit.ts.
      return folder !== '' && name.startsWith(`${folder}-`) && !ONE_WORD_OF_THE_TRADE.has(path)
        ? [`says ${folder} twice`]
        : [];
    },
  },
  {
    name: 'the bare word auth is not used',
    why: 'It hides which of five things is meant: say sasl, login, authenticate, authorization, consent or policy.',
    violations: ({ path, text }) => [
      ...(/(^|[/-])auth([-/.]|$)/.test(path) ? ['is named auth'] : []),
      ...[...codeOf(text).matchAll(/(?<![\w$-])(\.?)auth(?![\w$-])(\s*:)?/g)]
        .filter(([, dot, colon]) => !(speaksToMailLibrary(text) && (dot === '.' || colon !== undefined)))
        .map(([use]) => `uses ${use}`),
    ],
  },
];

/** A token id (`jti`) is one thing; `token/id.ts` would be somebody's id. */
const ONE_WORD_OF_THE_TRADE = new Set(['token/token-id.ts']);

interface Import {
  /** A file of ours, from src/. */
  readonly target?: string;
  /** The package, without a path inside it, or a built-in module. */
  readonly vendor?: string;
}

export function importsOf({ path, text }: Source): Import[] {
  const statements = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?from\s*['"]([^'"]+)['"]|(?:^|\n)import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g,
  );
  return [...statements].map(([, from, bare, dynamic]) => {
    const specifier = from ?? bare ?? dynamic ?? '';
    if (specifier.startsWith('.')) {
      return { target: new URL(specifier, `file:///${path}`).pathname.slice(1) };
    }
    if (specifier.startsWith('node:')) return { vendor: specifier };
    const parts = specifier.split('/');
    return { vendor: parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/') };
  });
}

/** The code without comments, strings and regular expressions, so that words in them do not count as names. */
export function codeOf(text: string): string {
  return text.replace(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|(?<=[=(,:!&|?{}[;]\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n*])+\/[a-z]*/g,
    '""',
  );
}

/** The folder right under src/, or the file itself where it stands in src/. */
function folderOf(path: string): string {
  return path.split('/')[0] ?? path;
}

function isAllowed(from: string, to: string): boolean {
  const [folder, target] = [folderOf(from), folderOf(to)];
  if (folder === target) return true;
  if (NOUNS.includes(folder)) return false;
  if (NOUNS.includes(target)) return true;
  const readsSettings = to.endsWith('settings.ts') && SETTINGS_READERS.includes(folder);
  if (readsSettings || (to.endsWith('settings.ts') && from.endsWith('settings.ts'))) return true;
  const allowed = MAY_IMPORT[folder] ?? [];
  return allowed.includes(target) || allowed.includes(to);
}

function isVendorAllowed(path: string, vendor: string): boolean {
  const importers = VENDORS[vendor];
  if (vendor === 'typebox' && path.endsWith('settings.ts')) return true;
  if (importers === undefined) return vendor.startsWith('node:');
  return importers.includes(folderOf(path)) || importers.includes(path);
}

/** nodemailer and smtp-server call their options so; their words cannot be ours to choose. */
function speaksToMailLibrary(text: string): boolean {
  return /from ['"](nodemailer|smtp-server)/.test(text);
}
