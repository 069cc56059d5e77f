// Reads a Dockerfile as far as Postern's goes, so that its steps can be taken without a container engine.

export interface Stage {
  /** `AS name`; the last stage has none. */
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

export interface Instruction {
  /** In capitals, such as `RUN`. */
  readonly word: string;
  readonly rest: string;
}

export function readDockerfile(text: string): Stage[] {
  const stages: { name: string | undefined; instructions: Instruction[] }[] = [];
  const joined = text.replace(/^#.*\n/gm, '').replace(/\\\n\s*/g, '');
  for (const line of joined.split('\n').filter((each) => each.trim() !== '')) {
    const [, word = '', rest = ''] = /^([A-Z]+) +(.*)$/.exec(line) ?? [];
    if (word === 'FROM') stages.push({ name: / AS (\S+)$/.exec(rest)?.[1], instructions: [] });
    else if (word === '') throw new Error(`not understood: ${line}`);
    else stages.at(-1)?.instructions.push({ word, rest });
  }
  return stages;
}

/** The arguments of the one instruction of that word in exec form, such as `CMD ["a", "b"]`. */
export function execForm(stage: Stage, word: string): string[] {
  const found = stage.instructions.filter((instruction) => instruction.word === word);
  const array = /\[.*\]$/.exec(found[0]?.rest ?? '')?.[0];
  if (found.length !== 1 || array === undefined) throw new Error(`one ${word} in exec form expected`);
  return JSON.parse(array);
}
