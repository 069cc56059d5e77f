// Owns the journal line of each event: one prepared writer for each.

import { EVENTS } from './catalogue.ts';
import type { EventFields, EventName } from './event-fields.ts';
import type { Journal } from './journal.ts';

export type Lines = { readonly [E in EventName]: (fields: EventFields[E]) => void };

/** One prepared writer per event, so that a line costs no more than its own fields. */
export function openLines(journal: Journal): Lines {
  const entries = Object.entries(EVENTS).map(([name, { level }]) => [name, journal.event(name, level)]);
  return Object.fromEntries(entries) as Lines;
}
