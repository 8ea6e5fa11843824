import { PREDICTION_LOG_COLUMNS, suggest } from 'cdk8s-mlops/contract';
import { type Column, type Table } from '../../common/data/table';
import { Failure } from '../../common/failure';

/** A column of the contract that is no feature. */
export type Role = (typeof PREDICTION_LOG_COLUMNS)[keyof typeof PREDICTION_LOG_COLUMNS];

const ROLES: readonly string[] = Object.values(PREDICTION_LOG_COLUMNS);

/** Names of columns in data that does not use the contract's. */
export type ColumnNames = { readonly [role in Role]?: string };

/** Parses `--column role=name`, repeated. */
export function parseColumnNames(texts: readonly string[]): ColumnNames {
  const problems: string[] = [];
  const names = texts.map((text) => {
    const [, role = '', name = ''] = /^([^=]*)=(.+)$/.exec(text) ?? [];
    const near = suggest(role || text, ROLES);
    if (!ROLES.includes(role))
      problems.push(
        `--column '${text}' must be one of ${ROLES.join(', ')}, '=' and a column${near ? `; did you mean ${near}=…?` : ''}`,
      );
    return [role, name];
  });
  if (problems.length > 0) throw Failure.configuration(...problems);
  return Object.fromEntries(names) as ColumnNames;
}

/** The column of a role, if the table has it. @throws Failure when it was named and is not there */
export function roleColumn(table: Table, role: Role, names: ColumnNames = {}): Column | undefined {
  const name = names[role] ?? role;
  const column = table.columns.get(name);
  if (column || names[role] === undefined) return column;
  throw Failure.configuration(
    `column '${name}' (for '${role}') is not in the data: it has ${[...table.columns.keys()].join(', ')}`,
  );
}

const LABEL_ROLES: readonly string[] = [PREDICTION_LOG_COLUMNS.label, PREDICTION_LOG_COLUMNS.labelTimestamp];

/** The names that hold for the predictions, and for labels that lie apart from them. */
export function splitColumnNames(names: ColumnNames = {}): {
  readonly predictions: ColumnNames;
  readonly labels: ColumnNames;
} {
  const entries = Object.entries(names);
  const pick = (roles: (role: string) => boolean): ColumnNames =>
    Object.fromEntries(entries.filter(([role]) => roles(role)));
  return {
    predictions: pick((role) => !LABEL_ROLES.includes(role)),
    labels: pick((role) => LABEL_ROLES.includes(role) || role === PREDICTION_LOG_COLUMNS.requestId),
  };
}
