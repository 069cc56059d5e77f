// Owns the demo's upstream: a small mail server that keeps what it gets as files, and the pages that show them.

import { join } from 'node:path';
import type { SocketAddress } from '../setting.ts';
import { type InboxMessage, openInboxFolder } from './inbox-folder.ts';
import { startInboxServer } from './inbox-server.ts';

export type { InboxMessage } from './inbox-folder.ts';
export { inboxPages, mountInbox } from './inbox-pages.ts';

export interface DemoInbox {
  readonly port: number;
  /** The newest messages, newest first. */
  list(): Promise<InboxMessage[]>;
  /** The file of a message as it lies on the disk; undefined for an id that is not there. */
  read(id: string): Promise<Buffer | undefined>;
  close(): Promise<void>;
}

/** @param options.folder the demo's folder; messages go to `inbox` in it */
export async function startDemoInbox(options: {
  readonly listen: SocketAddress;
  readonly folder: string;
}): Promise<DemoInbox> {
  const folder = await openInboxFolder({ path: join(options.folder, 'inbox') });
  const server = await startInboxServer({ listen: options.listen, folder });
  return { port: server.port, list: folder.list, read: folder.read, close: server.close };
}
