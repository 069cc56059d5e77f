// The mail server at the end of the long run's sessions, in memory: strict in all that it reads, moody in what it answers.

import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Path } from '../../src/envelope.ts';
import { isRefusal, type Refusal } from '../../src/refusal.ts';
import { readCapabilities } from '../../src/relay/connection/capabilities.ts';
import { UpstreamDialogue } from '../../src/relay/connection/dialogue.ts';
import { isPositive, sane } from '../../src/relay/connection/reply.ts';
import type { Begun, Relay } from '../../src/relay/relay.ts';
import { BinaryBody, TextBody } from '../../src/relay/transaction/body.ts';
import { isBinary, parametersFor } from '../../src/relay/transaction/parameters.ts';
import { createTransaction } from '../../src/relay/transaction/transaction.ts';
import { pick, type Random } from './long-run-mutation.ts';
import { pipe } from './long-run-pipe.ts';

const EVERYTHING = [
  'PIPELINING',
  'SIZE 20000',
  '8BITMIME',
  'SMTPUTF8',
  'DSN',
  'CHUNKING',
  'BINARYMIME',
  'AUTH PLAIN',
];
const LITTLE = ['8BITMIME'];
const TIMES = { replyTimeout: 5_000, finalReplyTimeout: 5_000 };

/** What a session has made of the upstream. */
export interface UpstreamRecord {
  /** Messages that came to their end and were answered with 250. */
  accepted: number;
  /** What must never arrive there. */
  readonly wrong: string[];
}

/** One relay a session; every transaction has a connection of its own. */
export function moodyRelay(random: Random): { relay: Relay; record: UpstreamRecord } {
  const record: UpstreamRecord = { accepted: 0, wrong: [] };
  const keywords = random() < 0.7 ? EVERYTHING : LITTLE;
  const capabilities = readCapabilities(['250-mta', ...keywords.map((word) => `250 ${word}`)].join('\r\n'), {
    secure: true,
  });
  // Most are polite, or no message would ever come through.
  const mood = random() < 0.7 ? 0 : 0.3;

  async function begin(mailFrom: Path): Promise<Begun | Refusal> {
    const parameters = parametersFor(mailFrom.parameters, capabilities);
    if (isRefusal(parameters)) return parameters;
    const [near, far] = pipe(pick(random, [64, 4096, 65_536]));
    serve(far, { record, random, mood });
    const dialogue = new UpstreamDialogue({ socket: near as Socket, capabilities });
    const outcome = sane(
      await dialogue.command(`MAIL FROM:<${mailFrom.address}>${parameters}`, TIMES.replyTimeout),
      [2, 4, 5],
    );
    if (isRefusal(outcome) || !isPositive(outcome)) {
      dialogue.destroy();
      return isRefusal(outcome) ? outcome : { upstream: 'scripted', reply: outcome, transaction: undefined };
    }
    const settings = TIMES as Parameters<typeof createTransaction>[0]['settings'];
    const body = new (isBinary(mailFrom) ? BinaryBody : TextBody)(dialogue, settings);
    const transaction = createTransaction({
      ...{ upstream: 'scripted', dialogue, settings, body },
      release: () => dialogue.destroy(),
      onEnd: () => undefined,
    });
    return { upstream: 'scripted', reply: outcome, transaction };
  }

  const relay = {
    begin,
    capabilities: () => capabilities,
    currentCapabilities: async () => capabilities,
  };
  return { relay: relay as unknown as Relay, record };
}

/** RFC 5321 by the letter: CRLF ends a line, CRLF.CRLF a message, and there is nothing else to end either. */
function serve(socket: Duplex, given: { record: UpstreamRecord; random: Random; mood: number }): void {
  const { record, random, mood } = given;
  let text = '';
  let recipients = 0;
  /** It has refused the message in its middle. */
  let early = false;
  let mode: 'commands' | 'message' | 'ended' = 'commands';
  const answer = (reply: string): void => void socket.write(`${reply}\r\n`);
  const moody = (yes: string): string => (random() < mood ? pick(random, MOODS) : yes);
  const wrong = (what: string): void => void record.wrong.push(what);

  socket.on('error', () => undefined);
  socket.on('data', (bytes: Buffer) => {
    text += bytes.toString('latin1');
    for (let before = -1; before !== text.length; ) {
      before = text.length;
      if (mode === 'message') message();
      else command();
    }
  });

  function command(): void {
    const end = text.indexOf('\r\n');
    if (end === -1) {
      if (/[\r\n].|\0/s.test(text))
        wrong(`a bare line end or NUL among the commands: ${JSON.stringify(text.slice(0, 200))}`);
      return;
    }
    const line = text.slice(0, end);
    if (/^BDAT /.test(line)) return chunk(line, end + 2);
    text = text.slice(end + 2);
    if (mode === 'ended' && line !== 'QUIT') wrong(`after the end of its message: ${JSON.stringify(line)}`);
    if (/[\r\n\0]/.test(line)) wrong(`a command with a control character: ${JSON.stringify(line)}`);
    if (/^MAIL FROM:<[^>]*>/.test(line)) return answer(moody('250 2.1.0 sender ok'));
    if (/^RCPT TO:</.test(line)) {
      const reply = moody('250 2.1.5 recipient ok');
      if (reply.startsWith('250')) recipients += 1;
      return answer(reply);
    }
    if (line === 'RSET' || line === 'QUIT') return answer('250 2.0.0 ok');
    if (line !== 'DATA') return wrong(`no command of Postern's: ${JSON.stringify(line.slice(0, 200))}`);
    if (recipients === 0) wrong('DATA without a recipient');
    const reply = moody('354 go on');
    if (reply.startsWith('354')) mode = 'message';
    answer(reply);
  }

  function message(): void {
    const end = text.startsWith('.\r\n') ? 0 : text.indexOf('\r\n.\r\n') + 2;
    if (end === 1) {
      if (early || random() >= mood * 0.1) return;
      early = true;
      return answer('552 5.3.4 enough');
    }
    const body = text.slice(0, end);
    if (/\r(?!\n)|(?<!\r)\n|\0/.test(body))
      wrong(`a bare line end or NUL in a message: ${JSON.stringify(body.slice(-200))}`);
    text = text.slice(end + 3);
    over();
  }

  function chunk(line: string, start: number): void {
    const [, size, last] = /^BDAT ([0-9]+)( LAST)?$/.exec(line) ?? [];
    if (size === undefined) return wrong(`a BDAT that is none: ${line}`);
    if (text.length < start + Number(size)) return;
    text = text.slice(start + Number(size));
    if (mode === 'ended') wrong('BDAT after the end of its message');
    if (recipients === 0) wrong('BDAT without a recipient');
    if (last) over();
    else answer(moody('250 2.0.0 chunk taken'));
  }

  function over(): void {
    mode = 'ended';
    // That was the verdict already.
    if (early) return;
    const reply = moody('250 2.0.0 queued');
    if (reply.startsWith('250')) record.accepted += 1;
    answer(reply);
  }
}

const MOODS = [
  '250 2.0.0 ok after all',
  '354 go on',
  '450 4.2.0 later',
  '550 5.1.1 no',
  '550-5.7.1 no,\r\n550 5.7.1 never',
  '421 4.3.2 closing',
  '535 5.7.8 who are you',
  'nonsense',
];
