// One message between a client and an upstream that writes down what it is asked: where tests of submission/message/message.ts begin.

import { vi } from 'vitest';
import type { Refusal } from '../../src/refusal.ts';
import type { Reply } from '../../src/relay/connection/reply.ts';
import type { RelayTransaction } from '../../src/relay/transaction/transaction.ts';
import { BodyScanner } from '../../src/submission/message/body-scanner.ts';
import type { HeaderContext } from '../../src/submission/message/header/repair.ts';
import type { HeaderSettings } from '../../src/submission/message/header/settings.ts';
import { Message, type MessageOptions, type MessageOutcome } from '../../src/submission/message/message.ts';
import type { TraceOptions } from '../../src/submission/message/trace.ts';
import { makePrincipal } from '../../src/token/principal.ts';

export const ALICE = makePrincipal({
  issuer: 'https://mail.example.org',
  subject: 'alice-id',
  clientId: undefined,
  addresses: ['alice@example.org'],
  groups: [],
  scopes: [],
  tokenId: undefined,
  grantId: undefined,
  issuedAt: 0,
  expiresAt: 10_000_000_000,
});
export const TIME = new Date('2026-11-21T08:00:00Z');
export const HEADER = 'From: alice@example.org\r\n';
export const QUEUED = { code: 250, lines: ['2.0.0 queued'] };

/** Alice's header as it comes through a door with the default settings. */
export function headerContext(
  changes: Partial<Omit<HeaderContext, 'trace' | 'settings'>> & {
    trace?: Partial<TraceOptions>;
    settings?: Partial<HeaderSettings>;
  } = {},
): HeaderContext {
  const settings: HeaderSettings = {
    drop: ['Bcc', 'Resent-Bcc', 'Return-Path', 'Content-Length'],
    authenticationResults: 'add',
    clientAddress: 'show',
  };
  const trace: TraceOptions = {
    hostname: 'mail.example.org',
    clientName: 'client.example',
    clientAddress: '192.0.2.1',
    id: 's.1',
    cipher: 'TLS_AES_128_GCM_SHA256',
    signedIn: true,
    utf8: false,
    time: TIME,
  };
  return {
    qualifiedDomains: 'required',
    principal: ALICE,
    mailFrom: 'alice@example.org',
    ...changes,
    settings: { ...settings, ...changes.settings },
    trace: { ...trace, ...changes.trace },
  };
}

/** An upstream that writes down what it was asked; `answers` stand in place of the polite ones. */
export class MessageUpstream implements RelayTransaction {
  readonly upstream = 'scripted';
  calls: string[] = [];
  text = '';
  verdict: Reply | Refusal | undefined;
  data354: Promise<Reply | Refusal> = Promise.resolve({ code: 354, lines: ['go'] });
  final: Promise<Reply | Refusal> = Promise.resolve(QUEUED);
  takes = true;
  drain = Promise.withResolvers<void>();

  async recipient() {
    return QUEUED;
  }
  data() {
    this.calls.push('data');
    return this.data354;
  }
  write(bytes: Buffer | string) {
    this.text += bytes.toString('latin1');
    return this.takes;
  }
  drained() {
    return this.drain.promise;
  }
  finish(last: Buffer | undefined) {
    this.calls.push('finish');
    this.text += last?.toString('latin1') ?? '';
    return this.final;
  }
  async reset() {}
  abort() {
    this.calls.push('abort');
  }
}

export interface MessageSituation {
  readonly message: Message;
  readonly upstream: MessageUpstream;
  readonly outcomes: MessageOutcome[];
  readonly onTooSlow: ReturnType<typeof vi.fn>;
  readonly scanner: BodyScanner;
}

export function beginMessage(
  changes: Partial<MessageOptions> = {},
  faults: Partial<MessageUpstream> = {},
): MessageSituation {
  const upstream = Object.assign(new MessageUpstream(), faults);
  const outcomes: MessageOutcome[] = [];
  const onTooSlow = vi.fn();
  const message = new Message({
    transaction: upstream,
    header: headerContext(),
    maxHeaderBytes: 1000,
    maxMessageBytes: 100_000,
    minBytesPerSecond: 50,
    onTooSlow,
    onEndless: () => undefined,
    onOutcome: (outcome) => outcomes.push(outcome),
    ...changes,
  });
  return { message, upstream, outcomes, onTooSlow, scanner: new BodyScanner() };
}

export async function sendMessage(
  situation: MessageSituation,
  pieces: readonly string[],
  last: string,
): Promise<MessageOutcome> {
  const { message, scanner, outcomes } = situation;
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, 'latin1');
    scanner.scan(bytes);
    await message.push(bytes, scanner);
  }
  await message.end(Buffer.from(last, 'latin1'), scanner);
  const [outcome, ...more] = outcomes;
  if (!outcome || more.length > 0) throw new Error(`${outcomes.length} outcomes`);
  return outcome;
}
