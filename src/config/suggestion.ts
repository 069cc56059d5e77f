// "Did you mean": the known name closest to the one an operator wrote.

import { type Place, spellPlace } from './fault.ts';
import type { SchemaNode } from './schema.ts';

/** The known setting most like `name`: a sibling if one is close, else the same name in another section. */
export function suggest(given: {
  name: string;
  siblings: readonly string[];
  schema: SchemaNode;
}): string | undefined {
  const plain = simplify(given.name);
  if (plain.length > 60) return undefined;
  const [nearest] = given.siblings
    .map((sibling) => ({ sibling, steps: distance(plain, simplify(sibling)) }))
    .sort((one, other) => one.steps - other.steps);
  if (nearest !== undefined && nearest.steps <= Math.max(1, Math.floor(plain.length / 3))) {
    return nearest.sibling;
  }
  return (
    everyPlace(given.schema)
      .filter((place) => simplify(String(place.at(-1))) === plain)
      // The one nearest to the top is the one that most people look for.
      .sort((one, other) => one.length - other.length)
      .map(spellPlace)[0]
  );
}

/** `max_message_bytes`, `max-message-bytes` and `MaxMessageBytes` are the same name to the person who wrote it. */
function simplify(name: string): string {
  return name.toLowerCase().replace(/[_\-.\s]/g, '');
}

function everyPlace(node: SchemaNode, place: Place = []): Place[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => [
    [...place, name],
    ...everyPlace(child, [...place, name]),
  ]);
}

/** Insertions, deletions, replacements and swaps of neighbours that turn one text into the other. */
function distance(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    rows.push(current);
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
      current[column] = Math.min(
        at(row - 1, column) + 1,
        (current[column - 1] ?? 0) + 1,
        at(row - 1, column - 1) + (same ? 0 : 1),
        swapped && row > 1 && column > 1 ? at(row - 2, column - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
  }
  return at(from.length, to.length);
}
