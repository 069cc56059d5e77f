// Owns which generation serves mail clients, and the change from one to the next: new ports first, old sessions last.

import type { AuditEvents } from '../audit/event-fields.ts';
import { StartFailure } from '../start-failure.ts';
import type { BoundListener } from '../submission/listener.ts';
import { createGeneration, type Generation, type Given, type Lasting } from './generation.ts';
import { needsRestart } from './restart.ts';

export interface MailSide {
  /** The generation that gets every new connection. */
  readonly current: Generation;
  /** Where. */
  readonly listeners: readonly BoundListener[];
  /** The first generation takes its ports; no-one is served before. */
  serve(): void;
  /**
   * Changes to new settings. Rejects with a StartFailure where they have faults or need a restart, with another error where it
   * fails for a reason of Postern's own; either is told in the journal, and all goes on as before.
   */
  reload(given: Given): Promise<void>;
  /** No new connections, and resolves when the last message is through or `drainTimeout` is over. */
  end(): Promise<void>;
}

const STOPPING = { path: 'submission', message: 'Postern is stopping; new settings come too late' };

/** @throws StartFailure */
export async function createMailSide(given: Given, lasting: Lasting): Promise<MailSide> {
  let current = await createGeneration(given.settings, lasting);
  let listeners: readonly BoundListener[] = [];
  /** Earlier ones, whose last messages are on their way. */
  const leaving = new Set<Generation>();
  let last: Promise<void> = Promise.resolve();
  let ending = false;

  async function change({ settings }: Given): Promise<void> {
    if (ending) throw new StartFailure([STOPPING]);
    const fixed = needsRestart(current.settings, settings);
    if (fixed.length > 0) throw new StartFailure(fixed);
    const next = await createGeneration(settings, lasting);
    try {
      const faults = await next.listen();
      if (faults.length > 0) throw new StartFailure(faults);
      // Its ports would outlive everything else.
      if (ending) throw new StartFailure([STOPPING]);
    } catch (error) {
      await next.end();
      throw error;
    }
    const before = current;
    current = next;
    listeners = next.serve();
    leaving.add(before);
    void before
      .end()
      .catch((error: unknown) => lasting.audit.fault({ where: 'reload', error }))
      .finally(() => leaving.delete(before));
  }

  async function reload(given: Given): Promise<void> {
    const started = performance.now();
    try {
      await change(given);
    } catch (error) {
      if (error instanceof StartFailure) {
        lasting.audit.reloadRefused({
          faults: error.faults.map(({ path, message }) => `${path}: ${message}`),
        });
      } else {
        lasting.audit.fault({ where: 'reload', error });
      }
      throw error;
    }
    tellDangers(lasting.audit, given.dangers);
    lasting.audit.reloaded({
      milliseconds: Math.round(performance.now() - started),
      listeners: listeners.map(spellListener),
    });
  }

  return {
    get current() {
      return current;
    },
    get listeners() {
      return listeners;
    },
    serve() {
      listeners = current.serve();
    },
    reload(given) {
      // One after the other: two at once would each close what the other has just opened.
      const next = last.then(() => reload(given));
      last = next.catch(() => undefined);
      return next;
    },
    async end() {
      ending = true;
      await lasting.ports.close();
      // A reload that is on its way gives up by itself.
      await Promise.all([last, ...[...leaving, current].map((generation) => generation.end())]);
    },
  };
}

export const spellListener = ({ host, port, tls }: BoundListener): string => `${host}:${port} ${tls}`;

/** @param dangers `path: what is dangerous about it`, as config/ writes them */
export function tellDangers(audit: AuditEvents, dangers: readonly string[]): void {
  for (const danger of dangers) {
    const at = danger.indexOf(': ');
    audit.dangerousSetting({ path: danger.slice(0, at), risk: danger.slice(at + 2) });
  }
}
