import { type StoreFolder } from '../../../common/store-files';

/** When a program dies: before a call to the store, after it, or when a deletion of several files was half done. */
export type Moment = 'before' | 'half' | 'after';

/** Calls that leave something else behind. */
export const CHANGES: readonly string[] = ['put', 'remove', 'create', 'replace'];
const CALLS = ['list', 'put', 'remove', 'fetch', 'forget', 'read', 'create', 'replace'] as const;

/** A store whose caller dies at the n-th call, counted from 1: whatever it asks for from then on is not done. */
export class DyingStore {
  public readonly calls: string[] = [];
  public readonly store: StoreFolder;

  constructor(store: StoreFolder, nth: number, moment: Moment = 'before') {
    this.store = Object.create(store) as StoreFolder;
    for (const name of CALLS) {
      const call = store[name].bind(store) as (...args: unknown[]) => Promise<unknown>;
      const wrapped = async (...args: unknown[]): Promise<unknown> => {
        const count = this.calls.push(name);
        if (count > nth || (count === nth && moment === 'before')) throw new Error('killed');
        if (count < nth) return call(...args);
        if (moment === 'after') await call(...args);
        else if (name === 'remove') {
          const names = args[0] as string[];
          await store.remove(names.slice(0, Math.ceil(names.length / 2)));
        }
        throw new Error('killed');
      };
      Object.assign(this.store, { [name]: wrapped });
    }
  }
}
