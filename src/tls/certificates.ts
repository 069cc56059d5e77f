// Owns the certificates in use: read at the start, chosen by the name a client asks for, replaced when their files change.

import {
  type CertificateNote,
  type FileNews,
  noteOf,
  watchAuthorities,
  watchPair,
} from './certificate-files.ts';
import { daily, lookAfter, WARN_BEFORE } from './looks.ts';
import type { Pair, PairTexts } from './pair.ts';
import { chooseByName } from './server-name.ts';
import type { TlsSettings } from './settings.ts';
import { type Unusable, WatchedFiles } from './watched-files.ts';

export type CertificateChoice = PairTexts & Partial<Pick<TlsSettings, 'certificates' | 'clientAuthorities'>>;

/** What the journal is told. */
export interface CertificateNews extends FileNews {
  /** Less than two weeks are left, or none; told once a day. */
  onExpires(note: CertificateNote): void;
}

export interface Certificates {
  /** For a client that asks for no name, or for one that no certificate has. */
  first(): Pair;
  all(): readonly Pair[];
  forName(serverName: string): Pair | undefined;
  /** PEM text of who may vouch for a client; undefined where the operator named nobody. */
  authorities(): string | undefined;
  onChange(listener: () => void): () => void;
  /** Reads what has changed now instead of in a second or two; faults are told at once. */
  reload(): Promise<void>;
  close(): void;
}

/** What keeps certificates from being used at the start: each fault with the path of its setting. */
export class CertificateFault extends Error {
  readonly faults: readonly { readonly path: string; readonly message: string }[];

  constructor(faults: readonly { path: string; message: string }[]) {
    super(faults.map(({ path, message }) => `${path}: ${message}`).join('\n'));
    this.faults = faults;
  }
}

export interface CertificatesOptions {
  readonly settings: CertificateChoice;
  /** Where the settings stand in the configuration, for faults. */
  readonly path: string;
  readonly news: CertificateNews;
  /** Milliseconds between two looks at the files; a change counts at the second look that finds it. */
  readonly pollEvery?: number;
  /** Milliseconds that files may be of no use before it is told. */
  readonly patience?: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/** Rejects with a {@link CertificateFault}. Watches until closed, without keeping the process alive. */
export async function openCertificates(options: CertificatesOptions): Promise<Certificates> {
  const { settings, path, news, pollEvery = 1_000, patience = 10_000, now = Date.now } = options;
  const listeners = new Set<() => void>();
  const watch = {
    news,
    patience,
    now,
    onReplaced: () => {
      for (const listener of listeners) listener();
    },
  };
  const { certificates = [], clientAuthorities } = settings;
  const [first, further, authorities] = await Promise.all([
    watchPair(settings, watch),
    Promise.all(certificates.map((files) => watchPair(files, watch))),
    clientAuthorities === undefined ? undefined : watchAuthorities(clientAuthorities, watch),
  ]);
  const faults = [
    ...faultsOf(path, first),
    ...further.flatMap((result, index) => faultsOf(`${path}.certificates[${index}]`, result)),
    ...faultsOf(`${path}.clientAuthorities`, authorities),
  ];
  if (!isWatched(first) || faults.length > 0) throw new CertificateFault(faults);
  const pairs = [first, ...further.filter(isWatched)];
  const trusted = authorities !== undefined && isWatched(authorities) ? authorities : undefined;

  const files = [settings, ...certificates].map(({ certificate }) => certificate);
  const warn = daily(now, () => {
    pairs.forEach(({ present }, index) => {
      if (present.notAfter - now() < WARN_BEFORE) news.onExpires(noteOf(files[index] ?? '', present));
    });
  });
  const looks = lookAfter([...pairs, ...(trusted === undefined ? [] : [trusted])], pollEvery, warn);

  return {
    first: () => first.present,
    all: () => pairs.map(({ present }) => present),
    forName: (serverName) =>
      chooseByName(
        pairs.map(({ present }) => present),
        serverName,
      ),
    authorities: () => trusted?.present.text,
    onChange: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    reload: looks.now,
    close() {
      looks.end();
      listeners.clear();
    },
  };
}

function isWatched<T>(result: WatchedFiles<T> | Unusable): result is WatchedFiles<T> {
  return result instanceof WatchedFiles;
}

function faultsOf<T>(
  path: string,
  result: WatchedFiles<T> | Unusable | undefined,
): { path: string; message: string }[] {
  if (result === undefined || isWatched(result)) return [];
  return result.reasons.map((message) => ({ path, message }));
}
