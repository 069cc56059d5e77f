// The `upstream:` lines of a dialogue, turned into the script of the upstream.

import { bytesOf, repeat } from './dialogue-text.ts';
import {
  hangUp,
  raw,
  reply,
  type ScriptedUpstream,
  silence,
  type UpstreamAnswer,
  type UpstreamStep,
} from './scripted-upstream.ts';

const STEPS = new Set('greeting EHLO STARTTLS AUTH MAIL RCPT DATA BDAT body end RSET NOOP QUIT'.split(' '));

/**
 * `is down`, `is up`, `offers …`, or `STEP ["match"] [once] -> ANSWER`, where ANSWER is `silence`, `hang up`, `hang up 421 text`,
 * `raw bytes`, or the lines of a reply, ` / ` between them.
 */
export async function applyUpstream(upstream: ScriptedUpstream, text: string): Promise<void> {
  if (text.startsWith('offers ')) return upstream.offer(text.slice('offers '.length).split(', '));
  // Read before the start, see dialogue-setup.ts.
  if (text === 'is known') return;
  if (text === 'is down') return await upstream.down();
  if (text === 'is up') return await upstream.up();
  const [, step = '', match, once, answer = ''] = /^(\w+)(?: "([^"]*)")?( once)? -> (.+)$/.exec(text) ?? [];
  if (!STEPS.has(step)) throw new Error(`not an upstream directive: ${text}`);
  upstream.on(step as UpstreamStep, parseAnswer(answer), {
    ...(match === undefined ? {} : { match: bytesOf(match) }),
    ...(once === undefined ? {} : { times: 1 }),
  });
}

function parseAnswer(text: string): UpstreamAnswer {
  if (text === 'silence') return silence();
  if (text === 'hang up') return hangUp();
  if (text.startsWith('hang up ')) return hangUp(...text.slice('hang up '.length).split(' / '));
  if (text.startsWith('raw '))
    return raw(
      bytesOf(
        text.slice('raw '.length).replace(/\{repeat:([^{}]*)\}/, (_all, given: string) => repeat(given)),
      ),
    );
  return reply(...text.split(' / '));
}
