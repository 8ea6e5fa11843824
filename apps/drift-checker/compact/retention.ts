import { type StoreFolder } from '../../common/store-files';
import { indexedPart } from './part-index';
import { partHour } from './partitions';
import { segmentHour } from './segments';

const DAY = 86_400_000;

/** Deletes what was recorded before. @returns names of the files, apart from those that belong to them */
export async function dropExpired(store: StoreFolder, now: Date, retentionDays: number): Promise<string[]> {
  const before = now.getTime() - retentionDays * DAY;
  const names = (await store.list('')).map(({ name }) => name);
  const hourOf = (name: string): Date => partHour(indexedPart(name) ?? name) ?? segmentHour(name) ?? now;
  const expired = names.filter((name) => hourOf(name).getTime() < before);
  if (expired.length > 0) await store.remove(expired);
  return expired.filter((name) => indexedPart(name) === undefined);
}
