// Noun: one thing wrong in a configuration file, and how the operator reads it.

/** Where a setting stands: keys and list positions from the top of the file. */
export type Place = readonly (string | number)[];

export interface Fault {
  /** The setting in the operator's own spelling, such as `submission.listeners[0].listen`; empty for the whole file. */
  readonly path: string;
  /** What is expected, what was found, what to do; never holds a secret. */
  readonly message: string;
  /** Line of the file, from 1, where it is known. */
  readonly line?: number;
}

/** Collects what is wrong and what is dangerous while a file is read. */
export interface Findings {
  fault(place: Place, message: string): void;
  danger(place: Place, message: string): void;
}

/** `['submission', 'listeners', 0]` → `submission.listeners[0]`; a key that is no plain word is quoted. */
export function spellPlace(place: Place): string {
  return place.reduce<string>((spelled, step) => {
    if (typeof step === 'number') return `${spelled}[${step}]`;
    if (!/^[\w-]{1,100}$/.test(step)) return `${spelled}[${quote(step)}]`;
    return spelled === '' ? step : `${spelled}.${step}`;
  }, '');
}

/** Text of a stranger for a message: on one line, without control characters, cut to a bearable length. */
export function quote(text: string): string {
  const cut = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  // JSON leaves C1 controls and line separators as they are; a terminal may act on them.
  return JSON.stringify(cut).replace(/[\u007f-\u009f\u2028\u2029]/g, '?');
}

/** `postern.yaml:12: submission.hostname: is missing`: one line a fault, in the form that editors can jump to. */
export function formatFault(file: string, fault: Fault): string {
  const where = fault.line === undefined ? file : `${file}:${fault.line}`;
  return fault.path === '' ? `${where}: ${fault.message}` : `${where}: ${fault.path}: ${fault.message}`;
}
