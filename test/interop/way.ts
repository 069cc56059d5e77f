// Owns the whole way of a test: a sink, a real Postfix in front of it, and a Postern in front of that.

import { makeFolder, removeFolder } from './folder.ts';
import { type Gate, type GateOptions, startGate } from './gate.ts';
import { type Postfix, startPostfix } from './postfix.ts';
import { type Sink, startSink } from './sink.ts';

export interface Way {
  readonly sink: Sink;
  readonly postfix: Postfix;
  readonly gate: Gate;
  /** For what the mail clients write. */
  readonly folder: string;
  close(): Promise<void>;
}

/** Postern speaks to Postfix over STARTTLS and checks its certificate. */
export async function openWay(options: Omit<GateOptions, 'upstream'> = {}): Promise<Way> {
  const folder = makeFolder('way');
  const closing: (() => unknown)[] = [() => removeFolder(folder)];
  const close = async (): Promise<void> => {
    for (const end of closing.toReversed()) await end();
  };
  try {
    const sink = await startSink(folder);
    closing.push(() => sink.close());
    const postfix = await startPostfix({ sink: sink.port });
    closing.push(() => postfix.close());
    const gate = await startGate({ ...options, upstream: { port: postfix.port, tls: 'starttls' } });
    closing.push(() => gate.close());
    return { sink, postfix, gate, folder, close };
  } catch (error) {
    await close();
    throw error;
  }
}
