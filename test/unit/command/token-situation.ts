// A person with a terminal, a browser, a folder of their own and an issuer: what `postern token` is tested in.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import type { Credential } from '../../../src/command/credential-file.ts';
import { CommandFailure } from '../../../src/command/failure.ts';
import type { Surroundings } from '../../../src/command/surroundings.ts';
import { runToken, type TokenMeans, type TokenOptions } from '../../../src/command/token.ts';
import {
  type FakeIdentityProvider,
  startFakeIdentityProvider,
} from '../relying-party/fake-identity-provider.ts';

export interface Outcome {
  readonly exitCode: number;
  readonly out: string;
  /** What people read, a failure's message and advice included. */
  readonly err: string;
}

export interface TokenSituation {
  readonly issuer: FakeIdentityProvider;
  readonly folder: string;
  readonly file: string;
  /** Addresses the browser was sent to. */
  readonly browsed: URL[];
  /** Milliseconds; moves only when told. */
  clock: number;
  run(
    options?: TokenOptions,
    more?: { means?: TokenMeans; isTerminal?: boolean; environment?: Environment },
  ): Promise<Outcome>;
  surroundings(more?: { isTerminal?: boolean; environment?: Environment }): Caught;
  means(more?: TokenMeans): TokenMeans;
  kept(): Promise<readonly Credential[]>;
  /** Signs in and lets the access token expire. */
  signInAndExpire(): Promise<void>;
  close(): Promise<void>;
}

type Environment = Record<string, string>;

interface Caught extends Surroundings {
  text(): { out: string; err: string };
}

const BRIEF = { patience: 20_000, staleAfter: 5_000, heartbeat: 50 };

export async function createTokenSituation(): Promise<TokenSituation> {
  const issuer = await startFakeIdentityProvider();
  const folder = await mkdtemp(join(tmpdir(), 'postern-token-'));
  const file = join(folder, 'postern', 'credentials.json');
  const browsed: URL[] = [];
  const situation: TokenSituation = {
    issuer,
    folder,
    file,
    browsed,
    clock: Date.now(),
    surroundings: ({ isTerminal = true, environment = {} } = {}) =>
      catchOutput(folder, isTerminal, { XDG_CONFIG_HOME: folder, ...environment }),
    means: (more) => ({
      openBrowser: async (url) => {
        browsed.push(url);
        void issuer.browse(url).then((back) => fetch(back));
        return true;
      },
      now: () => situation.clock,
      requestTimeout: 20_000,
      signInTimeout: 20_000,
      lockTimes: BRIEF,
      ...more,
    }),
    async run(options = { issuer: issuer.issuer }, more = {}) {
      const surroundings = situation.surroundings(more);
      try {
        const exitCode = await runToken({ options, surroundings, means: situation.means(more.means) });
        return { exitCode, ...surroundings.text() };
      } catch (error) {
        if (!(error instanceof CommandFailure)) throw error;
        const { out, err } = surroundings.text();
        return { exitCode: error.exitCode, out, err: `${err}${error.message}\n${error.advice ?? ''}` };
      }
    },
    async kept() {
      return (JSON.parse(await readFile(file, 'utf8')) as { signIns: Credential[] }).signIns;
    },
    async signInAndExpire() {
      const { exitCode, err } = await situation.run();
      if (exitCode !== 0) throw new Error(err);
      situation.clock += 900_000;
    },
    async close() {
      await issuer.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return situation;
}

function catchOutput(directory: string, isTTY: boolean, environment: Environment): Caught {
  let out = '';
  let err = '';
  const sink = (take: (text: string) => void) =>
    new Writable({
      write(chunk, _encoding, done) {
        take(String(chunk));
        done();
      },
    });
  return {
    input: Readable.from([]),
    output: sink((text) => {
      out += text;
    }),
    errors: Object.assign(
      sink((text) => {
        err += text;
      }),
      { isTTY },
    ),
    environment,
    directory,
    text: () => ({ out, err }),
  };
}

export async function writeText(file: string, text: string, mode = 0o600): Promise<void> {
  await writeFile(file, text, { mode });
}
