// Owns the file with the authorities of apps: read at the start, looked at again and again, kept as it was while it is of no use.

import { daily, lookAfter, WARN_BEFORE } from '../../tls/looks.ts';
import { WatchedFiles } from '../../tls/watched-files.ts';
import type { AuthorizationEvents } from '../events.ts';
import { type Authorities, readAuthorities } from './authorities.ts';
import { readContents } from './contents.ts';
import { readName, spellName } from './distinguished-name.ts';

export interface AuthoritiesFile {
  /** As they are now. */
  current(): Authorities;
  /** Reads what has changed now instead of in a second or two; faults are told at once. */
  reload(): Promise<void>;
  close(): void;
}

/** Rejects with an Error that names the setting. Watches until closed, without keeping the process alive. */
export async function openAuthoritiesFile(options: {
  readonly file: string;
  readonly events: Pick<
    AuthorizationEvents,
    'certificateReloaded' | 'certificateReloadFailed' | 'certificateExpires'
  >;
  /** Milliseconds between two looks; a change counts at the second look that finds it. */
  readonly pollEvery?: number;
  /** Milliseconds since the epoch. */
  readonly now?: (() => number) | undefined;
}): Promise<AuthoritiesFile> {
  const { file, events, pollEvery = 1_000, now = Date.now } = options;
  const watched = await WatchedFiles.open<{ readonly authorities: Authorities }>({
    files: [file],
    make([text = '']) {
      const read = readAuthorities(text, file);
      return typeof read === 'string' ? { reasons: [read] } : { authorities: read };
    },
    onReplaced: ({ authorities }) => {
      const first = Math.min(...authorities.map(({ validToDate }) => validToDate.getTime()));
      events.certificateReloaded({ file, names: [], notAfter: new Date(first).toISOString() });
    },
    onFailed: (reason) => events.certificateReloadFailed({ file, reason }),
    patience: 10_000,
  });
  if (!(watched instanceof WatchedFiles)) {
    throw new Error(`authorization.clientAuthorities: ${watched.reasons.join('; ')}`);
  }
  const warn = daily(now, () => {
    for (const { raw, validToDate } of watched.present.authorities) {
      if (validToDate.getTime() - now() >= WARN_BEFORE) continue;
      const subject = readContents(raw)?.subject;
      const names = subject === undefined ? [] : [spellName(readName(subject))];
      events.certificateExpires({ file, names, notAfter: validToDate.toISOString() });
    }
  });
  const looks = lookAfter([watched], pollEvery, warn);
  return {
    current: () => watched.present.authorities,
    reload: looks.now,
    close: looks.end,
  };
}
