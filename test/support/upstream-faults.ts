// The table of steps and faults: where in the dialogue an upstream fails, and what it does instead of its duty.

import {
  hangUp,
  meanwhile,
  raw,
  reply,
  reset,
  type ScriptedUpstream,
  silence,
  type UpstreamAnswer,
} from './scripted-upstream.ts';

/** What an upstream does in place of its answer. */
export interface Fault {
  readonly name: string;
  /** What the client may hear word for word, where it comes in answer to one of its own commands. */
  readonly ownWord?: number;
  answer(upstream: ScriptedUpstream): UpstreamAnswer;
}

export const FAULTS: readonly Fault[] = [
  { name: 'stops', answer: (upstream) => meanwhile(() => void upstream.down()) },
  { name: 'is silent', answer: silence },
  { name: 'resets the connection', answer: reset },
  { name: 'closes the connection', answer: () => hangUp() },
  { name: 'answers nonsense', answer: () => raw('what?\r\n') },
  { name: 'answers half a reply', answer: () => raw('450-half') },
  { name: 'answers without end', answer: () => raw('450-more\r\n'.repeat(300)) },
  { name: 'answers something else', answer: () => reply('211 2.0.0 help') },
  { name: 'says 421', answer: () => hangUp('421 4.3.2 bye') },
  { name: 'says 451', ownWord: 451, answer: () => reply('451 4.3.0 later') },
  { name: 'says 554', ownWord: 554, answer: () => reply('554 5.3.0 never') },
  { name: 'asks for a sign-in', answer: () => reply('530 5.7.0 sign in') },
  { name: 'calls the sign-in wrong', answer: () => reply('535 5.7.8 wrong') },
];

/** How far the message had come: what may still become of it. */
export type Reach = 'connection' | 'MAIL' | 'envelope' | 'message';

export interface Step {
  readonly name: string;
  readonly reach: Reach;
  /** What stands in the body where it strikes. */
  readonly behind?: string;
  place(upstream: ScriptedUpstream, answer: UpstreamAnswer): void;
}

export const [FIRST, SECOND] = ['bob@example.net', 'carol@example.net'] as const;
export const CLIENT_NAME = 'client.example';

const HALF = 'the first half';
const LAST = 'the last line';

/** A body in two pieces; {@link STEPS} strike behind each. */
export const PIECES = [
  `From: alice@example.org\r\nSubject: fault\r\n\r\n${HALF}\r\n`,
  `..dots stay\r\n${LAST}\r\n`,
] as const;
export const BODY = `${HALF}\r\n.dots stay\r\n${LAST}\r\n`;

export const STEPS: readonly Step[] = [
  { name: 'greeting', reach: 'connection', place: (upstream, answer) => upstream.on('greeting', answer) },
  { name: 'EHLO', reach: 'connection', place: (upstream, answer) => upstream.on('EHLO', answer) },
  { name: 'STARTTLS', reach: 'connection', place: (upstream, answer) => upstream.on('STARTTLS', answer) },
  {
    name: 'EHLO after TLS',
    reach: 'connection',
    place(upstream, answer) {
      upstream.on('EHLO', reply('250-upstream.example', '250 STARTTLS'), { times: 1 });
      upstream.on('EHLO', answer);
    },
  },
  { name: 'AUTH', reach: 'connection', place: (upstream, answer) => upstream.on('AUTH', answer) },
  { name: 'XCLIENT', reach: 'connection', place: (upstream, answer) => upstream.on('XCLIENT', answer) },
  {
    name: 'EHLO after XCLIENT',
    reach: 'connection',
    place: (upstream, answer) => upstream.on('EHLO', answer, { match: CLIENT_NAME }),
  },
  { name: 'MAIL', reach: 'MAIL', place: (upstream, answer) => upstream.on('MAIL', answer) },
  {
    name: 'first RCPT',
    reach: 'envelope',
    place: (upstream, answer) => upstream.on('RCPT', answer, { match: FIRST }),
  },
  {
    name: 'second RCPT',
    reach: 'envelope',
    place: (upstream, answer) => upstream.on('RCPT', answer, { match: SECOND }),
  },
  { name: 'DATA', reach: 'envelope', place: (upstream, answer) => upstream.on('DATA', answer) },
  inBody('mid-body', HALF),
  inBody('before the final dot', LAST),
  { name: 'final dot', reach: 'message', place: (upstream, answer) => upstream.on('end', answer) },
];

function inBody(name: string, behind: string): Step {
  return {
    ...{ name, reach: 'message', behind },
    place(upstream, answer) {
      upstream.on('body', answer, { match: behind });
      // On the wire its word and the final dot may have crossed: who has spoken in mid-message does not take it after all.
      if (answer.bytes !== '') upstream.on('end', silence());
    },
  };
}
