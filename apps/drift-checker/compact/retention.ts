import { type StoreFolder } from '../../common/store-files';
import { partHour } from './partitions';
import { segmentHour } from './segments';

const DAY = 86_400_000;

/** Deletes what was recorded before. @returns names of the files */
export async function dropExpired(store: StoreFolder, now: Date, retentionDays: number): Promise<string[]> {
  const before = now.getTime() - retentionDays * DAY;
  const names = (await store.list('')).map(({ name }) => name);
  const expired = names.filter((name) => (partHour(name) ?? segmentHour(name) ?? now).getTime() < before);
  if (expired.length > 0) await store.remove(expired);
  return expired;
}
