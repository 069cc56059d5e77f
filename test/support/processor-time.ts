// What an act costs the processor: the same on a busy machine, where the clock on the wall tells of the others' work.

/** Milliseconds of processor time that this process has spent on it. */
export function processorTime(act: () => unknown): number {
  const before = process.cpuUsage();
  act();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
