// Owns the order in which several servers of one purpose are tried: by priority, and by chance and weight within one (RFC 2782).

/** RFC 2782: "records with weight 0 should have a very small chance of being selected" beside records that have a weight. */
const WEIGHT_OF_ZERO = 0.001;

/**
 * All items in the order in which to try them. Lower priorities come first. Within one priority the next is drawn from
 * those not drawn yet, each with a chance in proportion to its weight (RFC 2782, "Usage rules"); where all weights are 0, all chances
 * are equal. Drawn by a race: `-ln(u) / weight` is a finishing time, and the chance to finish first is the share of the weight.
 * The RFC's own sum of whole numbers "inclusive" would favour small weights: 1 and 1 would be 2:1.
 *
 * @param of priority and weight of an item, whole numbers from 0
 * @param random uniform in [0, 1), as `Math.random`
 */
export function inOrder<T>(
  items: readonly T[],
  of: (item: T) => { priority: number; weight: number },
  random: () => number,
): T[] {
  return items
    .map((item) => {
      const { priority, weight } = of(item);
      return { item, priority, finish: -Math.log(1 - random()) / Math.max(weight, WEIGHT_OF_ZERO) };
    })
    .sort((one, other) => one.priority - other.priority || one.finish - other.finish)
    .map(({ item }) => item);
}
