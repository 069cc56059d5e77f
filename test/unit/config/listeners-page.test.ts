// docs/listeners.md: every configuration in it loads as it stands there.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { loadSettings } from '../../../src/config/load.ts';
import { testCertificate } from '../../support/certificates.ts';
import { SOUND } from './configuration.ts';

const page = readFileSync(new URL('../../../docs/listeners.md', import.meta.url), 'utf8');
const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text ?? '');
const pair = await testCertificate();

/** The piece in a configuration that is sound around it, with a certificate in whatever file is named. */
function load(piece: object) {
  const { demo: _demo, submission, ...rest } = parse(SOUND);
  const tls = { certificate: 'certificate.pem', key: 'key.pem' };
  return loadSettings({
    text: stringify({ ...rest, submission: { ...submission, tls, ...piece } }),
    file: '/etc/postern/postern.yaml',
    environment: {},
    readFile: (path) => ({
      content: Buffer.from(path.endsWith('key.pem') ? pair.key : pair.certificate),
      mode: 0o600,
    }),
  });
}

describe('docs/listeners.md', () => {
  it('has something to try', () => expect(blocks.length).toBeGreaterThan(5));

  it.each(blocks)('%s', (block) => {
    const loaded = load(parse(block));
    expect('faults' in loaded ? loaded.faults : []).toEqual([]);
  });

  it('would show a piece that is wrong', () => {
    expect(load({ listeners: [{ preset: 'submision' }] })).toHaveProperty('faults');
  });
});
