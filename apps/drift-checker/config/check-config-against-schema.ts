import { type DriftCheckFile, judgedColumns, type ModelSchema, SAMPLE_STATISTICS, suggest } from 'cdk8s-mlops/contract';
import { Failure } from '../../common/failure';

/** @throws Failure when the configuration speaks of another model, or of features that the model has not */
export function checkConfigAgainstSchema(
  config: Pick<DriftCheckFile, 'model' | 'features' | 'schema'>,
  schema: ModelSchema,
  source: string,
): void {
  const problems: string[] = [];
  if (config.model !== schema.model)
    problems.push(`${source} is of model '${config.model}', the schema '${config.schema}' of '${schema.model}'`);
  const types = judgedColumns(schema);
  for (const [name, { statistic }] of Object.entries(config.features ?? {})) {
    const type = types.get(name);
    const near = suggest(name, [...types.keys()]);
    if (type === undefined)
      problems.push(
        `${source}: 'features.${name}' is not a feature of '${schema.model}'${near ? `; did you mean '${near}'?` : ''}`,
      );
    else if (type === 'categorical' && statistic !== undefined && SAMPLE_STATISTICS.includes(statistic)) {
      problems.push(
        `${source}: 'features.${name}.statistic' (${statistic}) needs a numeric feature, '${name}' is categorical`,
      );
    }
  }
  if (problems.length > 0) throw Failure.configuration(...problems);
}
