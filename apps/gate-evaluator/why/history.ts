import { MLFLOW_ALIASES, MLFLOW_TAGS } from 'cdk8s-mlops/contract';
import { readText } from '../../common/object-store';
import { joinUri } from '../../common/uri';
import { type DecisionRecord, serializeRecord } from '../records/decision-record';
import { type Chain, recordName } from '../records/ledger';
import { verifyChain } from '../records/verify-chain';
import { type RegisteredVersion, type Registry } from '../registry/registry';

/** Everything that is known of how a model came to be what it is. */
export interface History {
  readonly model: string;
  /** The champion. */
  readonly live?: RegisteredVersion;
  /** The version that a rollback goes back to. */
  readonly previous?: RegisteredVersion;
  readonly records: readonly DecisionRecord[];
  /** Hash that the last record must have. */
  readonly head?: string;
  /** What is not as it should be: records that were tampered with, and a champion that no record explains. */
  readonly problems: readonly string[];
}

/** Puts the registry's state beside the chain of decisions, and names everything that does not fit. */
export async function readHistory(
  registry: Registry,
  model: string,
  { records, unreadable, head }: Chain,
  copies: string | undefined,
): Promise<History> {
  const [live, previous] = await Promise.all([
    registry.versionByAlias(model, MLFLOW_ALIASES.champion),
    registry.versionByAlias(model, MLFLOW_ALIASES.previous),
  ]);
  const problems = [
    ...verifyChain(records, head).map(({ sequence, problem }) => `${nameOf(records, sequence)} ${problem}`),
    ...forgotten(records, head),
    ...unreadable.map((path) => `'${path}' is no decision record any more`),
    ...unexplained(model, records, live),
    ...(copies === undefined ? [] : await differing(records, copies)),
  ];
  return { model, live, previous, records, head, problems };
}

/** The last decision that made a version champion. */
export function lastPromotion(records: readonly DecisionRecord[]): DecisionRecord | undefined {
  return records.findLast(({ to }) => to === 'production');
}

function nameOf(records: readonly DecisionRecord[], sequence: number): string {
  const record = records.find((each) => each.sequence === sequence);
  if (!record) return `record ${sequence}`;
  const version = record.modelVersion === undefined ? '' : ` of version ${record.modelVersion}`;
  return `record ${sequence} ('${record.action}'${version}, ${record.at})`;
}

function forgotten(records: readonly DecisionRecord[], head: string | undefined): string[] {
  const last = records.at(-1);
  if (!last || head !== undefined) return [];
  return [
    `the registry does not remember the last record, so that later ones may be missing after record ${last.sequence}: the next decision notes it again`,
  ];
}

function unexplained(model: string, records: readonly DecisionRecord[], live: RegisteredVersion | undefined): string[] {
  const last = lastPromotion(records);
  if (!live && !last) return [];
  if (!live)
    return [
      `no version of '${model}' is champion, though record ${last!.sequence} made version ${last!.modelVersion} it: the alias was removed`,
    ];
  if (!last)
    return [`version ${live.version} is champion, and no decision made it so: take it in with 'register --adopt'`];
  if (last.modelVersion !== live.version) {
    return [
      `version ${live.version} is champion, but the last decision (record ${last.sequence}) made version ${last.modelVersion} champion: somebody moved the alias`,
    ];
  }
  const report = live.tags[MLFLOW_TAGS.gateReportSha256];
  if (!report || records.some(({ hash }) => hash === report)) return [];
  return [`version ${live.version} says that the record ${report} judged it, which is not among its records`];
}

async function differing(records: readonly DecisionRecord[], folder: string): Promise<string[]> {
  const problems: string[] = [];
  for (const record of records) {
    const copy = await readText(joinUri(folder, recordName(record)));
    if (copy !== undefined && copy !== serializeRecord(record))
      problems.push(`record ${record.sequence} is not what its copy in '${folder}' is: one of them was changed`);
  }
  return problems;
}
