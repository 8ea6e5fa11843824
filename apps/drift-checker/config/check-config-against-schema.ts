import { type DriftCheckFile, type ModelSchema, PREDICTION_LOG_COLUMNS, suggest } from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';

/** Statistics that need numbers. */
const NUMERIC_ONLY: readonly string[] = ['kolmogorov-smirnov', 'wasserstein'];

/** @throws Failure when the configuration speaks of another model, or of features that the model has not */
export function checkConfigAgainstSchema(
  config: Pick<DriftCheckFile, 'model' | 'features' | 'schema'>,
  schema: ModelSchema,
  source: string,
): void {
  const problems: string[] = [];
  if (config.model !== schema.model)
    problems.push(`${source} is of model '${config.model}', the schema '${config.schema}' of '${schema.model}'`);
  const types = new Map<string, string>(schema.features.map(({ name, type }) => [name, type]));
  types.set(PREDICTION_LOG_COLUMNS.prediction, schema.task.type === 'regression' ? 'numeric' : 'categorical');
  types.set(PREDICTION_LOG_COLUMNS.predictionScore, 'numeric');
  for (const [name, { statistic }] of Object.entries(config.features ?? {})) {
    const type = types.get(name);
    const near = suggest(name, [...types.keys()]);
    if (type === undefined)
      problems.push(
        `${source}: 'features.${name}' is not a feature of '${schema.model}'${near ? `; did you mean '${near}'?` : ''}`,
      );
    else if (type === 'categorical' && statistic !== undefined && NUMERIC_ONLY.includes(statistic)) {
      problems.push(
        `${source}: 'features.${name}.statistic' (${statistic}) needs a numeric feature, '${name}' is categorical`,
      );
    }
  }
  if (problems.length > 0) throw Failure.configuration(...problems);
}
