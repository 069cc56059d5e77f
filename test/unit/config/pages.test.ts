// Pages for operators: every configuration in docs/ loads as it stands there, in a configuration that is sound around it.

import { generateKeyPairSync } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { loadSettings } from '../../../src/config/load.ts';
import { testCertificate } from '../../support/certificates.ts';
import { SOUND } from './configuration.ts';

type Piece = Record<string, unknown>;

const docs = new URL('../../../docs/', import.meta.url);
/** Pages whose pieces stand under a section; those of all others are whole sections. */
const SECTION_OF: Readonly<Record<string, string>> = { 'listeners.md': 'submission' };

/** Other YAML, such as a Compose file, goes under ```yml. */
const pages = globSync('**/*.md', { cwd: docs.pathname })
  .sort()
  .map((page) => {
    const text = readFileSync(new URL(page, docs), 'utf8');
    return { page, blocks: [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, block]) => block ?? '') };
  })
  .filter(({ blocks }) => blocks.length > 0);

const pair = await testCertificate();
const privateKeyEncoding = { type: 'pkcs8', format: 'pem' } as const;
const publicKeyEncoding = { type: 'spki', format: 'pem' } as const;
const rsa = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding,
  publicKeyEncoding,
}).privateKey;
const ed25519 = generateKeyPairSync('ed25519', { privateKeyEncoding, publicKeyEncoding }).privateKey;

/** What a file of such a name holds; the first that fits. */
const CONTENTS: readonly (readonly [RegExp, string])[] = [
  [
    /service-account[^/]*\.json$/,
    JSON.stringify({
      type: 'service_account',
      client_email: 'postern@example.iam.gserviceaccount.com',
      private_key_id: 'key-1',
      private_key: rsa,
      token_uri: 'https://oauth2.googleapis.com/token',
    }),
  ],
  [/ed25519/, ed25519],
  [/dkim|rsa/, rsa],
  [/key[^/]*\.pem$/, pair.key],
  [/(^|[/-])ca(-[^/]*)?\.pem$/, pair.ca],
  [/\.(pem|crt)$/, pair.certificate],
  [/./, 'secret\n'],
];

/** The piece in place of the same sections of the sound configuration; what it says of these two is added to them. */
function load(piece: Piece) {
  const { demo: _demo, submission, authorization, upstream, ...rest } = parse(SOUND);
  const tls = { certificate: 'certificate.pem', key: 'key.pem' };
  return loadSettings({
    text: stringify({
      ...rest,
      // A page that gives several may do so without the one.
      ...('upstreams' in piece ? {} : { upstream }),
      ...piece,
      submission: { ...submission, tls, ...(piece['submission'] as Piece | undefined) },
      authorization: { ...authorization, ...(piece['authorization'] as Piece | undefined) },
    }),
    file: '/etc/postern/postern.yaml',
    environment: {},
    readFile: (path) => ({
      content: Buffer.from(CONTENTS.find(([name]) => name.test(path))?.[1] ?? ''),
      mode: 0o600,
    }),
  });
}

function loadBlock(page: string, block: string) {
  const piece = parse(block);
  const section = SECTION_OF[page];
  return load(section === undefined ? piece : { [section]: piece });
}

describe.each(pages)('docs/$page', ({ page, blocks }) => {
  it.each(blocks)('%s', (block) => {
    const loaded = loadBlock(page, block);
    expect('faults' in loaded ? loaded.faults : []).toEqual([]);
  });
});

describe('the pages', () => {
  it('are found, those in folders too', () => {
    const found = pages.map(({ page }) => page);
    expect(found).toEqual(expect.arrayContaining(['listeners.md', 'upstreams/several.md']));
  });

  it.each([
    ['listeners.md', 'listeners: [{ preset: submision }]'],
    ['upstreams/several.md', 'upstreams: [{ id: east, host: mx.example.org, wieght: 3 }]'],
    ['upstreams/several.md', 'routes: [{ upstreams: [nowhere] }]'],
  ])('would show a piece that is wrong: %s, %s', (page, block) => {
    expect(loadBlock(page, block)).toHaveProperty('faults');
  });
});
