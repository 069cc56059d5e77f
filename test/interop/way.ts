// Owns the whole way of a test: a sink, a real mail server in front of it, and a Postern in front of that.

import { makeFolder, removeFolder } from './folder.ts';
import { type Gate, type GateOptions, startGate } from './gate.ts';
import type { MailServer } from './mail-server.ts';
import { type Sink, startSink } from './sink.ts';

export interface Way<Server extends MailServer> {
  readonly sink: Sink;
  readonly server: Server;
  readonly gate: Gate;
  /** For what the mail clients write. */
  readonly folder: string;
  close(): Promise<void>;
}

export type WayOptions<Server extends MailServer> = Omit<GateOptions, 'upstream'> & {
  /** Is to hand its mail to `sink` on 127.0.0.1. */
  readonly startServer: (given: { sink: number }) => Promise<Server>;
};

/** Postern speaks to the mail server over STARTTLS and checks its certificate. */
export async function openWay<Server extends MailServer>(options: WayOptions<Server>): Promise<Way<Server>> {
  const { startServer, ...gateOptions } = options;
  const folder = makeFolder('way');
  const closing: (() => unknown)[] = [() => removeFolder(folder)];
  const close = async (): Promise<void> => {
    for (const end of closing.toReversed()) await end();
  };
  try {
    const sink = await startSink(folder);
    closing.push(() => sink.close());
    const server = await startServer({ sink: sink.port });
    closing.push(() => server.close());
    const gate = await startGate({ ...gateOptions, upstream: { port: server.port, tls: 'starttls' } });
    closing.push(() => gate.close());
    return { sink, server, gate, folder, close };
  } catch (error) {
    await close();
    throw error;
  }
}
