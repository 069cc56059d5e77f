// The image and the composition of containers, as far as they can be checked without a container engine.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadSettings } from '../../src/config/load.ts';

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const read = (path: string) => readFileSync(root(path), 'utf8');
const compose = parse(read('docker-compose.yml'));
const realm = JSON.parse(read('config/docker/realm.json'));

test('every image is pinned to a version', () => {
  const images = [
    ...[...read('Dockerfile').matchAll(/^FROM (\S+)/gm)].map(([, image]) => image),
    ...Object.values<{ image?: string }>(compose.services).flatMap(({ image }) => image ?? []),
    /^FROM (\S+)/m.exec(compose.services.postfix.build.dockerfile_inline)?.[1],
  ];
  expect(images).toHaveLength(4);
  for (const image of images) expect(image).toMatch(/:\d+\.\d+/);
});

test('the image does not run as root and tells its health', () => {
  expect(read('Dockerfile')).toMatch(/^USER node$/m);
  expect(read('Dockerfile')).toMatch(/^HEALTHCHECK /m);
});

test('what is mounted exists, and ports are published on loopback only', () => {
  for (const { volumes = [], ports = [] } of Object.values<{ volumes?: string[]; ports?: string[] }>(
    compose.services,
  )) {
    for (const volume of volumes.filter((each) => each.startsWith('./'))) {
      expect(existsSync(root(volume.split(':')[0] as string)), volume).toBe(true);
    }
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  }
});

test('the configuration is sound, and agrees with Keycloak’s', () => {
  const loaded = loadSettings({
    text: read('config/docker/postern.yaml'),
    file: '/etc/postern/postern.yaml',
    environment: compose.services.postern.environment,
    readFile: (path) => {
      throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' });
    },
  });
  // Only what the containers make themselves is not here.
  expect('faults' in loaded ? loaded.faults.map(({ path }) => path) : []).toEqual([
    'submission.tls.certificate',
    'submission.tls.key',
  ]);
  const [client] = realm.clients;
  const settings = parse(read('config/docker/postern.yaml')).authorization;
  expect(client.clientId).toBe(settings.identityProvider.clientId);
  expect(client.secret).toBe(compose.services.postern.environment.POSTERN_IDP_SECRET);
  expect(client.redirectUris).toEqual([`${settings.issuer}/sign-in/callback`]);
});
