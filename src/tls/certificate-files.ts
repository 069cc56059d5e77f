// Owns the files of a certificate and of client authorities: what is made of them, and what may take whose place.

import { type Pair, type PairTexts, readCertificates, readPair } from './pair.ts';
import { type Unusable, WatchedFiles } from './watched-files.ts';

/** One certificate, or the list of `clientAuthorities`, which has no names and ends with the first of them. */
export interface CertificateNote {
  readonly file: string;
  readonly names: readonly string[];
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
}

export interface FileNews {
  onReloaded(note: CertificateNote): void;
  /** The files have been of no use for a while; what they held before stays in use. */
  onFailed(note: { readonly file: string; readonly reason: string }): void;
}

interface Watch {
  readonly news: FileNews;
  /** Called before the news, so that what is told has happened. */
  readonly onReplaced: () => void;
  /** Milliseconds. */
  readonly patience: number;
}

export async function watchPair(
  files: PairTexts,
  { news, onReplaced, patience, now }: Watch & { readonly now: () => number },
): Promise<WatchedFiles<Pair> | Unusable> {
  const file = files.certificate;
  return await WatchedFiles.open<Pair>({
    files: [files.certificate, files.key],
    make: ([certificate = '', key = ''], present) =>
      replacement({ texts: { certificate, key }, files, present, now: now() }),
    onReplaced(pair) {
      onReplaced();
      news.onReloaded(noteOf(file, pair));
    },
    onFailed: (reason) => news.onFailed({ file, reason }),
    patience,
  });
}

/** PEM text of the authorities. */
export async function watchAuthorities(
  file: string,
  { news, onReplaced, patience }: Watch,
): Promise<WatchedFiles<{ readonly text: string; readonly notAfter: number }> | Unusable> {
  return await WatchedFiles.open<{ text: string; notAfter: number }>({
    files: [file],
    make([text = '']) {
      const read = readCertificates(text, file);
      if (typeof read === 'string') return { reasons: [read] };
      return { text, notAfter: Math.min(...read.map(({ validTo }) => Date.parse(validTo))) };
    },
    onReplaced({ notAfter }) {
      onReplaced();
      news.onReloaded({ file, names: [], notAfter });
    },
    onFailed: (reason) => news.onFailed({ file, reason }),
    patience,
  });
}

/** Names in one line of the journal; a certificate may hold hundreds. */
const MAX_NAMES = 20;

export function noteOf(file: string, { names, notAfter }: Pair): CertificateNote {
  return { file, names: names.slice(0, MAX_NAMES), notAfter };
}

/** What the files hold now, or why what is in use stays. */
function replacement(given: {
  texts: PairTexts;
  files: PairTexts;
  present: Pair | undefined;
  now: number;
}): Pair | Unusable {
  const { present, now } = given;
  const read = readPair(given.texts, given.files);
  if ('faults' in read) return { reasons: read.faults.map(({ message }) => message) };
  const isValid = (pair: Pair): boolean => pair.notBefore <= now && now < pair.notAfter;
  // An old backup put back by mistake must not take the place of what works. At the start there is no choice.
  if (present !== undefined && isValid(present) && !isValid(read)) {
    const isOver = read.notAfter <= now;
    const day = new Date(isOver ? read.notAfter : read.notBefore).toISOString().slice(0, 10);
    return { reasons: [`the certificate ${isOver ? 'expired on' : 'is not valid before'} ${day}`] };
  }
  return read;
}
