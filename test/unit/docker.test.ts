// The image and the composition of containers, as far as they can be checked without a container engine.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadSettings } from '../../src/config/load.ts';
import { SubmissionSettings } from '../../src/submission/settings.ts';

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

test('the image has the version of Node that the tests run with', () => {
  const { version } = JSON.parse(read('package-lock.json')).packages['node_modules/node'];
  const images = [...read('Dockerfile').matchAll(/^FROM node:([\d.]+)-/gm)].map(([, tag]) => tag);
  expect(images).toEqual([version, version]);
});

test('the image does not run as root and tells its health', () => {
  expect(read('Dockerfile')).toMatch(/^USER node$/m);
  expect(read('Dockerfile')).toMatch(/^HEALTHCHECK /m);
});

test('every service that stays up tells its health', () => {
  const { certificate: _once, postern: _byItsImage, ...others } = compose.services;
  expect(Object.keys(others)).toEqual(['keycloak', 'postfix']);
  for (const service of Object.values<{ healthcheck?: { test: string[] } }>(others)) {
    expect(service.healthcheck?.test[0]).toBe('CMD');
  }
});

test('Postern may finish what is under way before it is killed', () => {
  const grace = Number(/^(\d+)s$/.exec(compose.services.postern.stop_grace_period)?.[1]) * 1000;
  const { drainTimeout } = SubmissionSettings.properties;
  expect((drainTimeout as unknown as { default: string }).default).toBe('30s');
  expect(grace).toBeGreaterThan(30_000);
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
