// What a scripted upstream says at each step: the polite default, and the faults a test puts in its place.

/** A moment at which the upstream speaks. `body` is in mid-message, `end` is the final dot or `BDAT … LAST`. */
export type UpstreamStep =
  | 'greeting'
  | 'EHLO'
  | 'STARTTLS'
  | 'AUTH'
  | 'XCLIENT'
  | 'XFORWARD'
  | 'MAIL'
  | 'RCPT'
  | 'DATA'
  | 'BDAT'
  | 'body'
  | 'end'
  | 'RSET'
  | 'NOOP'
  | 'QUIT';

/** What it does there: bytes to write, and whether to hang up after them. No bytes and no hanging up is silence. */
export interface UpstreamAnswer {
  /** Written as it is; latin1. */
  readonly bytes: string;
  readonly hangUp: boolean;
  /** Breaks the connection off with RST, in place of all that. */
  readonly reset?: boolean;
  /** Done before anything is said. */
  readonly act?: () => void;
  /** Nothing is said before this is fulfilled. */
  readonly after?: Promise<void>;
}

/** One line or several of a reply; the CRLFs are added. */
export function reply(...lines: readonly string[]): UpstreamAnswer {
  return { bytes: lines.map((line) => `${line}\r\n`).join(''), hangUp: false };
}

/** Bytes as they are: garbage, half a line, a line without its end. */
export function raw(bytes: string): UpstreamAnswer {
  return { bytes, hangUp: false };
}

/** Hangs up, after a last reply where one is given. */
export function hangUp(...lines: readonly string[]): UpstreamAnswer {
  return { ...reply(...lines), hangUp: true };
}

/** Breaks the connection off with RST. */
export function reset(): UpstreamAnswer {
  return { bytes: '', hangUp: false, reset: true };
}

/** Says nothing, and something else happens to it. */
export function meanwhile(act: () => void): UpstreamAnswer {
  return { bytes: '', hangUp: false, act };
}

/** Never answers. */
export function silence(): UpstreamAnswer {
  return { bytes: '', hangUp: false };
}

/** Answers once the promise is fulfilled. */
export function held(after: Promise<void>, answer: UpstreamAnswer): UpstreamAnswer {
  return { ...answer, after };
}

export interface UpstreamRule {
  readonly step: UpstreamStep;
  readonly answer: UpstreamAnswer;
  /** Only where the command line (for `body`: what has come of the message) contains this; case counts. */
  readonly match?: string;
  /** How often the rule applies; always where absent. */
  times?: number;
}

/** Rules with `times` come first, in the order given, and are used up; then the latest of the others. */
export class UpstreamScript {
  readonly #counted: UpstreamRule[] = [];
  readonly #lasting: UpstreamRule[] = [];

  on(step: UpstreamStep, answer: UpstreamAnswer, only: { match?: string; times?: number } = {}): void {
    if (only.times === undefined) this.#lasting.unshift({ step, answer, ...only });
    else this.#counted.push({ step, answer, ...only });
  }

  /** From now on it is polite again. */
  forget(): void {
    this.#counted.splice(0);
    this.#lasting.splice(0);
  }

  answer(step: UpstreamStep, text: string): UpstreamAnswer | undefined {
    const rule = [...this.#counted, ...this.#lasting].find(
      (each) =>
        each.step === step && each.times !== 0 && (each.match === undefined || text.includes(each.match)),
    );
    if (rule?.times !== undefined) rule.times -= 1;
    return rule?.answer;
  }
}
