// Owns the decision which fields of a header go and which come on top of it (RFC 6409 §8).

import type { PlacedField } from '../../../policy/header.ts';
import { type Principal, principalName } from '../../../principal.ts';
import { dateField, messageIdField, receivedField, type TraceOptions } from '../trace.ts';
import { authenticationResultsField, bearsName } from './authentication-results.ts';
import { isDate } from './message-date.ts';
import { isMessageId } from './message-identifier.ts';
import type { HeaderSettings } from './settings.ts';
import { signedNames } from './signed-names.ts';

export interface EditContext {
  readonly settings: HeaderSettings;
  readonly principal: Principal;
  /** Envelope sender, empty for the null reverse-path. */
  readonly mailFrom: string;
  readonly trace: TraceOptions;
}

export interface HeaderEdit {
  /** Fields that stand above all others, each with its line end; no line of them begins with a dot. */
  readonly added: string;
  /** In the order in which they stand in the header. */
  readonly removed: readonly PlacedField[];
}

/**
 * Never adds, takes out or replaces a field whose name a signature lists. Two things are done all the same: Received is added (RFC
 * 5321 §4.4), and a word that pretends to be Postern's goes whoever signed it (RFC 8601 §5), or a list of names would protect it.
 */
export function editHeader(fields: readonly PlacedField[], context: EditContext): HeaderEdit {
  const { settings, trace } = context;
  const signed = signedNames(fields);
  const byName = namesOf(fields);
  const removed = new Set<PlacedField>();

  for (const field of pretendedWords(byName.get('authentication-results'), context)) removed.add(field);
  for (const written of settings.drop) {
    const name = written.toLowerCase();
    if (signed.has(name)) continue;
    for (const field of byName.get(name) ?? []) removed.add(field);
    byName.delete(name);
  }
  const isId = (value: string): boolean => isMessageId(value, trace.utf8);
  const id = signed.has('message-id') ? AS_IT_IS : judge(byName.get('message-id'), isId);
  const date = signed.has('date') ? AS_IT_IS : judge(byName.get('date'), isDate);
  for (const field of [...id.useless, ...date.useless]) removed.add(field);

  const added =
    (signed.has('authentication-results') ? '' : wordOnSignIn(context)) +
    receivedField(trace, settings.clientAddress) +
    (id.found ? '' : messageIdField(trace.hostname)) +
    (date.found ? '' : dateField(trace.time));
  return { added, removed: [...removed].sort((one, other) => one.start - other.start) };
}

function namesOf(fields: readonly PlacedField[]): Map<string, PlacedField[]> {
  const byName = new Map<string, PlacedField[]>();
  for (const field of fields) {
    const name = field.name.toLowerCase();
    const others = byName.get(name);
    if (others) others.push(field);
    else byName.set(name, [field]);
  }
  return byName;
}

interface Judged {
  /** Whether there is one that may stay. */
  readonly found: boolean;
  readonly useless: readonly PlacedField[];
}

const AS_IT_IS: Judged = { found: true, useless: [] };

/** RFC 5322 §3.6: there is one at most. Of several the first good one counts, as for most programs; the others are of no use. */
function judge(fields: readonly PlacedField[] = [], isGood: (value: string) => boolean): Judged {
  const good = fields.find((field) => isGood(field.value));
  return { found: good !== undefined, useless: fields.filter((field) => field !== good) };
}

function pretendedWords(
  fields: readonly PlacedField[] = [],
  { settings, trace }: EditContext,
): PlacedField[] {
  const names = [authservId(settings, trace), trace.hostname];
  return fields.filter((field) => bearsName(field.value, names));
}

function wordOnSignIn({ settings, trace, principal, mailFrom }: EditContext): string {
  // Nobody signed in from a trusted network: there is nothing to vouch for.
  if (settings.authenticationResults === 'omit' || !trace.signedIn) return '';
  return authenticationResultsField({
    authservId: authservId(settings, trace),
    user: principalName(principal),
    mailFrom,
    utf8: trace.utf8,
  });
}

const authservId = (settings: HeaderSettings, trace: TraceOptions): string =>
  settings.authservId ?? trace.hostname;
