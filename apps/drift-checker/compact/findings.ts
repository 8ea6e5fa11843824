import { type COMPACTION_FINDINGS } from 'cdk8s-mlops/contract';
import { detached } from './segments';

export type CompactionFinding = (typeof COMPACTION_FINDINGS)[keyof typeof COMPACTION_FINDINGS];

/** Examples of each kind that are kept. */
const MOST_EXAMPLES = 3;

/** What a compaction finds, counted by kind. */
export class Findings {
  private readonly counts = new Map<CompactionFinding, { count: number; readonly examples: string[] }>();

  public add(kind: CompactionFinding, count: number, example?: string): void {
    if (count === 0) return;
    const found = this.counts.get(kind) ?? { count: 0, examples: [] };
    this.counts.set(kind, found);
    found.count += count;
    if (example !== undefined && found.examples.length < MOST_EXAMPLES) found.examples.push(detached(example));
  }

  public count(kind: CompactionFinding): number {
    return this.counts.get(kind)?.count ?? 0;
  }

  public toJSON(): Record<string, { readonly count: number; readonly examples?: readonly string[] }> {
    const sorted = [...this.counts.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
    return Object.fromEntries(
      sorted.map(([kind, { count, examples }]) => [kind, examples.length > 0 ? { count, examples } : { count }]),
    );
  }
}
