// Reads a *.smtp file into what is set up, what is said, and what must have arrived. The format: test/dialogue/README.md.

export type Listener = 'starttls' | 'implicit' | 'trusted';

/** One line of a dialogue that does or checks something. */
export interface DialogueStep {
  /** `C:`, `C*`, `C|`, `C/`, `S:`, `S~`, `S=`, `S*`, or a word in capitals. */
  readonly kind: string;
  /** The rest of the line, as written. */
  readonly text: string;
  /** Line number in the file, from 1. */
  readonly line: number;
}

/** One message that must have come to the upstream with its final dot. */
export interface ExpectedArrival {
  /** Whether the upstream took it (ARRIVED) or had its final dot and said no (REFUSED). */
  readonly accepted: boolean;
  readonly mailFrom: string;
  readonly recipients: readonly string[];
  /** Expected lines of the message; undefined where the file does not say. */
  readonly lines: readonly { readonly pattern: boolean; readonly text: string }[];
  readonly line: number;
}

export interface Dialogue {
  readonly file: string;
  readonly title: string;
  /** On which listeners it is played, each as its own test. */
  readonly listeners: readonly Listener[];
  /** `submission:`, `relay:` and `trusted:` settings, `upstream:` directives, in order. */
  readonly setUp: readonly DialogueStep[];
  readonly steps: readonly DialogueStep[];
  /** Events that must stand in the journal at the end. */
  readonly events: readonly DialogueStep[];
  readonly arrivals: readonly ExpectedArrival[];
}

const LISTENERS: readonly Listener[] = ['starttls', 'implicit', 'trusted'];
const STEP = /^(C:|C\*|C\||C\/|S:|S~|S=|S\*|[A-Z]{2,})(?: (.*))?$/;
const SETTING = /^(play|submission|relay|trusted|upstream): *(.*)$/;
const WORDS = new Set(
  'CONNECT OPEN ON SIGNIN TLS HAS LACKS CLOSE EOF WAIT UPSTREAM ISSUER CLOCK SHUTDOWN JOURNAL'.split(' '),
);

export function parseDialogue(file: string, content: string): Dialogue {
  const lines = content.split('\n').map((text, index) => ({ text, line: index + 1 }));
  const title = /^# (.+)/.exec(lines[0]?.text ?? '')?.[1];
  if (title === undefined) throw fault(file, 1, 'the first line must be `# what this shows`');
  const found = lines.findIndex(({ text }) => /^(ARRIVED|REFUSED)\b/.test(text));
  if (found === -1) throw fault(file, lines.length, 'it must end with ARRIVED, even if `ARRIVED nothing`');

  const setUp: DialogueStep[] = [];
  const steps: DialogueStep[] = [];
  for (const { text, line } of lines.slice(0, found)) {
    if (text === '' || text.startsWith('#')) continue;
    const setting = steps.length === 0 ? SETTING.exec(text) : null;
    if (setting) setUp.push({ kind: setting[1] ?? '', text: setting[2] ?? '', line });
    else steps.push(parseStep(file, text, line));
  }
  return {
    file,
    title,
    listeners: readListeners(file, setUp),
    setUp: setUp.filter(({ kind }) => kind !== 'play'),
    steps: steps.filter(({ kind }) => kind !== 'JOURNAL'),
    events: steps.filter(({ kind }) => kind === 'JOURNAL'),
    arrivals: parseArrivals(file, lines.slice(found)),
  };
}

function parseStep(file: string, text: string, line: number): DialogueStep {
  const [, kind = '', rest = ''] = STEP.exec(text) ?? [];
  const known = kind !== '' && (!/^[A-Z]{2,}$/.test(kind) || WORDS.has(kind));
  if (!known) throw fault(file, line, `no such step: ${text}`);
  return { kind, text: rest, line };
}

function readListeners(file: string, setUp: readonly DialogueStep[]): Listener[] {
  const play = setUp.find(({ kind }) => kind === 'play');
  if (!play) return ['implicit'];
  return play.text.split(/, */).map((name) => {
    const listener = LISTENERS.find((known) => known === name);
    if (!listener) throw fault(file, play.line, `no such listener: ${name}`);
    return listener;
  });
}

function parseArrivals(file: string, lines: readonly { text: string; line: number }[]): ExpectedArrival[] {
  const arrivals: (Omit<ExpectedArrival, 'recipients' | 'lines'> & {
    recipients: string[];
    lines: { pattern: boolean; text: string }[];
  })[] = [];
  for (const { text, line } of lines) {
    if (text === '' || text.startsWith('#') || text === 'ARRIVED nothing') continue;
    if (text === 'ARRIVED' || text === 'REFUSED') {
      arrivals.push({ accepted: text === 'ARRIVED', mailFrom: '', recipients: [], lines: [], line });
      continue;
    }
    const current = arrivals.at(-1);
    const [, kind, rest = ''] = /^(from:|to:|\||~)(?: (.*))?$/.exec(text) ?? [];
    if (!current || kind === undefined) throw fault(file, line, `not a line of ARRIVED: ${text}`);
    if (kind === 'from:') Object.assign(current, { mailFrom: rest });
    else if (kind === 'to:') current.recipients.push(rest);
    else current.lines.push({ pattern: kind === '~', text: rest });
  }
  return arrivals;
}

/** An error in the dialogue file itself, or a difference found while playing it, with the place. */
export function fault(file: string, line: number, message: string): Error {
  return new Error(`${file}:${line}: ${message}`);
}
