import { suggest } from '../contract';
import { type Problems } from '../validation/problems';

/** A step as the order of a run sees it. */
export interface GraphStep {
  readonly name: string;
  /** Names of the steps that must have succeeded before. */
  readonly after: readonly string[];
}

/** Adds what `before` asks for to the steps it names, and reports names that no step has. */
export function link<S extends GraphStep>(
  steps: readonly S[],
  before: ReadonlyMap<string, readonly string[]>,
  problems: Problems,
): S[] {
  const names = steps.map(({ name }) => name);
  const known = (owner: string, prop: string, name: string): boolean => {
    if (names.includes(name)) return true;
    const near = suggest(name, names);
    const hint = near ? `did you mean '${near}'?` : `the steps are ${names.join(', ')}`;
    problems.add(`extraSteps.${owner}.${prop}`, name, `is no step of this pipeline; ${hint}`);
    return false;
  };
  const added = new Map<string, string[]>();
  for (const [owner, followers] of before) {
    for (const follower of followers.filter((name) => known(owner, 'before', name))) {
      added.set(follower, [...(added.get(follower) ?? []), owner]);
    }
  }
  return steps.map((step) => {
    const after = [...step.after, ...(added.get(step.name) ?? [])].filter((name) => known(step.name, 'after', name));
    return { ...step, after: [...new Set(after)] };
  });
}

/** The steps so that each comes after those it waits for; the given order decides where that leaves a choice. */
export function sortSteps<S extends GraphStep>(steps: readonly S[], problems: Problems): S[] {
  const sorted: S[] = [];
  let waiting = [...steps];
  while (waiting.length > 0) {
    const done = new Set(sorted.map(({ name }) => name));
    const ready = waiting.find(({ after }) => after.every((name) => done.has(name)));
    if (!ready) {
      problems.addText(`'steps' wait for each other in a cycle: ${findCycle(waiting).join(' → ')}`);
      return [...sorted, ...waiting];
    }
    sorted.push(ready);
    waiting = waiting.filter((step) => step !== ready);
  }
  return sorted;
}

/** A cycle among steps of which each waits for another of them. */
function findCycle(steps: readonly GraphStep[]): string[] {
  const path: string[] = [];
  let current = steps[0];
  while (current && !path.includes(current.name)) {
    path.push(current.name);
    const { after } = current;
    current = steps.find(({ name }) => after.includes(name));
  }
  const start = path.indexOf(current?.name ?? '');
  return [...path.slice(start), path[start] ?? ''].reverse();
}

/** Two steps that may run side by side, if there are any. */
export function findParallelSteps(sorted: readonly GraphStep[]): readonly [string, string] | undefined {
  const ancestors = new Map<string, Set<string>>();
  for (const [index, { name, after }] of sorted.entries()) {
    const mine = new Set(after.flatMap((parent) => [parent, ...(ancestors.get(parent) ?? [])]));
    ancestors.set(name, mine);
    const free = sorted.slice(0, index).find((earlier) => !mine.has(earlier.name));
    if (free) return [free.name, name];
  }
  return undefined;
}
