/** What Terraform would make and end, when a program changes: addresses of resources, data sources, modules and outputs. */
export interface PlanChange {
  readonly made: readonly string[];
  readonly ended: readonly string[];
  /** What stays where it is, but not as it was. */
  readonly changed: readonly string[];
}

const KINDS = ['resource', 'data', 'module', 'output'] as const;

type Body = Record<string, unknown>;

/**
 * Compares two stacks as Terraform does: by address. A resource under a new name is ended and made anew, with whatever is in it: so a
 * change to one thing must neither make nor end another.
 *
 * @param before - what `Testing.synth(stack)` returns
 * @param after - the same of a program with the change
 * @example
 * expect(planChange(synth({ models: ['a'] }), synth({ models: ['b', 'a'] })).ended).toEqual([]);
 */
export function planChange(before: string, after: string): PlanChange {
  const old = addresses(before);
  const now = addresses(after);
  return {
    made: [...now.keys()].filter((address) => !old.has(address)).sort(),
    ended: [...old.keys()].filter((address) => !now.has(address)).sort(),
    changed: [...now.keys()].filter((address) => old.has(address) && old.get(address) !== now.get(address)).sort(),
  };
}

/** Every address of a stack, with its arguments as JSON. */
function addresses(json: string): Map<string, string> {
  const stack = JSON.parse(json) as Record<string, Record<string, unknown>>;
  const found = new Map<string, string>();
  for (const kind of KINDS) {
    for (const [type, named] of Object.entries(stack[kind] ?? {})) {
      if (kind === 'module' || kind === 'output') found.set(`${kind}.${type}`, canonical(named));
      else {
        const prefix = kind === 'data' ? 'data.' : '';
        for (const [name, body] of Object.entries(named as Body))
          found.set(`${prefix}${type}.${name}`, canonical(body));
      }
    }
  }
  return found;
}

/** JSON with sorted keys, without cdktf's own notes. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (key, each: unknown) => {
    if (key === '//') return undefined;
    if (typeof each !== 'object' || each === null || Array.isArray(each)) return each;
    return Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
