// The printed reference: complete, valid as it stands, and the same as the files that are committed.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { EXAMPLES } from '../../../src/config/examples.ts';
import { loadSettingsFile } from '../../../src/config/load.ts';
import { renderReference } from '../../../src/config/reference.ts';
import { renderReferenceTable } from '../../../src/config/reference-table.ts';
import { ownSettings, type SchemaNode, SETTINGS_SCHEMA } from '../../../src/config/schema.ts';
import { faultsOf, load, settingsOf } from './configuration.ts';

const PEM = new URL('../../refused-config/pem/', import.meta.url);
const pem = (name: string) => ({ content: readFileSync(new URL(name, PEM), 'utf8') });
const FILES = {
  '/etc/postern/certificate.pem': pem('certificate.pem'),
  '/etc/postern/key.pem': pem('key.pem'),
  '/etc/postern/upstream-ca.pem': pem('certificate.pem'),
  '/etc/postern/upstream-password': { content: 'password\n' },
  '/etc/postern/identity-provider-secret': { content: 'secret\n' },
  '/etc/postern/billing-secret': { content: 'secret\n' },
  '/etc/postern/client-keys.json': {
    content: '{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}',
  },
};

/** Takes the # away from every setting that stands there as a comment. */
function withEverythingOn(reference: string): string {
  return reference.replace(/^(\s*)#(?=\S)/gm, '$1');
}

interface Setting {
  readonly path: string;
  readonly node: SchemaNode;
}

function everySetting(node: SchemaNode, path = ''): Setting[] {
  return ownSettings(node).flatMap(([name, child]) => {
    const own = path === '' ? name : `${path}.${name}`;
    const inner =
      child.items?.type === 'object' ? { node: child.items, path: `${own}[]` } : { node: child, path: own };
    return [{ path: own, node: child }, ...everySetting(inner.node, inner.path)];
  });
}

function valueAt(data: unknown, path: string): unknown {
  return path
    .replaceAll('[]', '.0')
    .split('.')
    .reduce<unknown>((value, step) => (value as Record<string, unknown> | undefined)?.[step], data);
}

describe('the committed files are made from the schema', () => {
  it.each([
    ['config/postern.example.yaml', renderReference, 'config reference'],
    ['docs/configuration.md', renderReferenceTable, 'config reference --markdown'],
  ])('%s', (file, render, command) => {
    const committed = readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8');
    expect(committed, `out of date; run: npm run -s postern -- ${command} > ${file}`).toBe(render());
  });
});

describe('the reference', () => {
  it('is a sound configuration once the files it names exist', () => {
    const { settings, dangers } = settingsOf(load(renderReference(), { files: FILES }));
    expect(settings.submission.listeners.map(({ listen }) => listen.port)).toEqual([587, 465]);
    expect(dangers).toEqual([]);
  });

  it('is well formed with everything switched on; only what may not be together is refused', () => {
    const everything = withEverythingOn(renderReference());
    const faults = faultsOf(load(everything, { files: FILES, environment: { CLIENT_SECRET: 'secret' } }));
    expect(faults.join('\n')).not.toMatch(/expected|no such setting|is missing|is empty/);
  });

  it('shows every setting, with its default where it has one', () => {
    const shown: unknown = parse(withEverythingOn(renderReference()));
    for (const { path, node } of everySetting(SETTINGS_SCHEMA)) {
      const value = valueAt(shown, path);
      expect(value, path).toBeDefined();
      if (node.default === undefined || node.type === 'object' || path in EXAMPLES) continue;
      if (node.items?.type !== 'object') expect(value, path).toEqual(node.default);
    }
  });

  it('describes every setting', () => {
    for (const { path, node } of everySetting(SETTINGS_SCHEMA)) {
      expect(node.description ?? '', `${path} has no description`).toMatch(/^.{8,}\.$|^.{8,}[^.]$/);
    }
  });
});

describe('the demo', () => {
  it('is a sound configuration with the names and ports that are promised', () => {
    const file = new URL('../../../config/demo.yaml', import.meta.url).pathname;
    const { settings } = settingsOf(loadSettingsFile(file, {}));
    expect(settings.authorization).toMatchObject({
      issuer: 'http://localhost:8080',
      listen: { port: 8080 },
      identityProvider: { issuer: 'http://localhost:8081' },
    });
    expect(settings.submission).toMatchObject({
      hostname: 'localhost',
      listeners: [
        { listen: { host: '127.0.0.1', port: 1587 }, tls: 'starttls' },
        { listen: { host: '127.0.0.1', port: 1465 }, tls: 'implicit' },
      ],
    });
    expect(settings.upstream).toMatchObject({ host: '127.0.0.1', port: 1025 });
    expect(settings.audit.listen).toEqual({ host: '127.0.0.1', port: 9090 });
    expect(settings.demo?.folder).toMatch(/\/data\/demo$/);
    const app = settings.authorization.clients.find(({ clientId }) => clientId === 'demo-app');
    expect(app?.clientSecret?.reveal()).toBe('demo-app-secret');
    expect(app?.sendAs).toEqual(['app@example.org']);
  });
});
