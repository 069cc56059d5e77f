// Owns the browser's door on real sockets, with the demo's identity provider beside it and a mail program that waits for
// its answer on loopback: the world in which a journey takes place.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { signInRedirectUri } from '../../src/authorization/interaction/sign-in.ts';
import type { AuthorizationSettings } from '../../src/authorization/settings.ts';
import { type DemoIdentityProvider, startDemoIdentityProvider } from '../../src/demo/identity-provider.ts';
import { createIdentityProvider } from '../../src/relying-party/identity-provider.ts';
import { Secret } from '../../src/setting.ts';
import { type Kept, newKept, openTestDoor, type TestDoor, testSettings } from './authorization-server.ts';
import { freePorts } from './free-ports.ts';

export interface Site {
  readonly door: TestDoor;
  readonly issuer: string;
  readonly identityProvider: string;
  /** The identity provider goes away, and comes back at the same address. */
  stopIdentityProvider(): Promise<void>;
  startIdentityProvider(): Promise<void>;
  close(): Promise<void>;
}

const SECRET = new Secret('secret-of-postern-at-the-demo');

export async function openSite(
  changes: Partial<AuthorizationSettings> = {},
  kept: Kept = newKept(),
): Promise<Site> {
  const [port, identityProviderPort] = (await freePorts(2)) as [number, number];
  const issuer = `http://localhost:${port}`;
  let demo = await startDemo(issuer, identityProviderPort);
  const settings = testSettings({
    issuer,
    listen: { host: 'localhost', port },
    identityProvider: {
      issuer: demo.issuer,
      clientId: 'postern',
      clientSecret: SECRET,
      scopes: ['openid', 'email', 'profile'],
      name: 'Demo Login',
      identity: { addresses: ['email'], requireVerified: true },
      timeout: 5000,
      allowInsecureHttp: true,
    },
    ...changes,
  });
  const door = await openTestDoor(settings, {
    kept,
    identityProvider: createIdentityProvider({
      settings: settings.identityProvider,
      redirectUri: signInRedirectUri(issuer),
    }),
  });
  await door.server.listen();
  return {
    door,
    issuer,
    identityProvider: demo.issuer,
    stopIdentityProvider: () => demo.close(),
    async startIdentityProvider() {
      demo = await startDemo(issuer, identityProviderPort);
    },
    async close() {
      await door.close();
      await demo.close();
    },
  };
}

function startDemo(issuer: string, port: number): Promise<DemoIdentityProvider> {
  return startDemoIdentityProvider({
    listen: { host: 'localhost', port },
    clients: [{ clientId: 'postern', clientSecret: SECRET, redirectUris: [signInRedirectUri(issuer)] }],
  });
}

/** A mail program: waits on a loopback port for the browser to bring the answer. */
export interface Program {
  readonly redirectUri: string;
  /** The address the browser came to; waits for it. */
  answer(): Promise<URL>;
  close(): Promise<void>;
}

export async function startProgram(host = '127.0.0.1', path = '/callback'): Promise<Program> {
  const { promise, resolve } = Promise.withResolvers<URL>();
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', redirectUri);
    if (url.pathname === '/favicon.ico') return void response.writeHead(204).end();
    resolve(url);
    response
      .setHeader('content-type', 'text/html')
      .end('<!doctype html><title>Back</title><p>Back in the program</p>');
  });
  await new Promise<void>((listening) => server.listen(0, host, listening));
  const { port } = server.address() as AddressInfo;
  const redirectUri = `http://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;
  return {
    redirectUri,
    answer: () => promise,
    close: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
}
