import { type Duration } from 'cdk8s';
import {
  derivedName,
  type DerivedNameKey,
  MODEL_NAME_MAX_LENGTH,
  MODEL_NAME_PATTERN,
  MODEL_SCHEMA_VERSION,
  type ModelSchema,
  PREDICTION_LOG_COLUMNS,
  PREDICTION_LOG_PARTITIONS,
} from '../contract';
import { Problems } from '../validation/problems';
import { type Feature, FeatureRecording } from './feature';
import { type ModelTask } from './model-task';
import { checkObjectives, type ModelObjectives, objectivesSchema } from './objectives';

/** What a model is. */
export interface ModelProps {
  /**
   * Name of the model, everywhere: registry, objects, metrics. Lower-case letters, digits and hyphens, starting with a
   * letter, at most 40 characters.
   */
  readonly name: string;

  /** What kind of question the model answers. */
  readonly task: ModelTask;

  /** The inputs of the model, at least one. */
  readonly features: readonly Feature[];

  /**
   * What the model must reach in production.
   *
   * @default - no objectives: nothing is alerted on performance
   */
  readonly objectives?: ModelObjectives;

  /**
   * How long after a prediction its label is usually known.
   *
   * @default - labels never come: performance is only estimated
   */
  readonly labelDelay?: Duration;
}

const RESERVED_COLUMNS: readonly string[] = [...Object.values(PREDICTION_LOG_COLUMNS), ...PREDICTION_LOG_PARTITIONS];

/**
 * What a model is, said once: training, capture, drift check and gates all read the schema that it renders, so training
 * and serving cannot disagree. Immutable data, not a construct.
 */
export class Model {
  /** Name of the model. */
  public readonly name: string;

  /** What the model must reach in production. */
  public readonly objectives: ModelObjectives;

  /** How long after a prediction its label is usually known; undefined when labels never come. */
  public readonly labelDelay?: Duration;

  /** The schema file's content. */
  public readonly schema: ModelSchema;

  /** @throws ValidationError listing everything that is wrong. */
  constructor(props: ModelProps) {
    checkModel(props);
    this.name = props.name;
    this.objectives = { ...props.objectives };
    this.labelDelay = props.labelDelay;
    this.schema = {
      version: MODEL_SCHEMA_VERSION,
      model: props.name,
      task: props.task.schema,
      features: props.features.map((feature) => feature.schema),
      objectives: objectivesSchema(this.objectives),
      labelDelaySeconds: props.labelDelay?.toSeconds(),
    };
  }

  /** The schema file: JSON, the same bytes for the same model. */
  public toSchemaJson(): string {
    return `${JSON.stringify(this.schema, undefined, 2)}\n`;
  }

  /** Name of an object of this model, for example `fraud-detector-training`. */
  public objectName(key: DerivedNameKey): string {
    return derivedName(this.name, key);
  }
}

function checkModel(props: ModelProps): void {
  const problems = new Problems(`Model '${props.name}'`);
  checkName(props.name, problems);
  if (props.features.length === 0) problems.addText("'features' must name at least one feature");
  checkFeatures(props.features, problems);
  checkTask(props.task, problems);
  checkObjectives(props.objectives ?? {}, props.task.schema.type, problems);
  problems.checkDuration('labelDelay', props.labelDelay, 0);
  problems.throwIfAny();
}

function checkName(name: string, problems: Problems): void {
  if (!MODEL_NAME_PATTERN.test(name)) {
    const rule = 'start with a letter and consist of lower-case letters, digits and hyphens, not ending with a hyphen';
    problems.add('name', name, `must ${rule}: it becomes part of Kubernetes names`);
  }
  if (name.length > MODEL_NAME_MAX_LENGTH) {
    const limit = `must have at most ${MODEL_NAME_MAX_LENGTH} characters, has ${name.length}`;
    problems.add(
      'name',
      name,
      `${limit}: with suffixes like '-drift-check' it would exceed the limit of CronJob names`,
    );
  }
}

function checkFeatures(features: readonly Feature[], problems: Problems): void {
  const seen = new Set<string>();
  for (const { name, schema } of features) {
    const prop = `features.${name}`;
    if (name.trim() === '') problems.add('features', name, 'must have a name');
    if (seen.has(name)) problems.add(prop, name, 'is a duplicate: name every feature once');
    seen.add(name);
    if (RESERVED_COLUMNS.includes(name)) {
      problems.add(
        prop,
        name,
        `is a column of the prediction log: rename the feature (${RESERVED_COLUMNS.join(', ')})`,
      );
    }
    const { type, minimum, maximum, importance, recorded, values } = schema;
    for (const [bound, value] of Object.entries({ minimum, maximum })) {
      if (value !== undefined && !Number.isFinite(value))
        problems.add(`${prop}.${bound}`, value, 'must be a finite number');
    }
    if (minimum !== undefined && maximum !== undefined && minimum > maximum) {
      problems.add(`${prop}.minimum`, minimum, `must not be above the maximum (${maximum})`);
    }
    if (!Number.isFinite(importance) || importance < 0) {
      problems.add(`${prop}.importance`, importance, 'must be a number of 0 or more');
    }
    if (recorded === FeatureRecording.BUCKETED && type !== 'numeric') {
      problems.add(`${prop}.recording`, recorded, 'is for numeric features: hash or drop a categorical one');
    }
    if (recorded === FeatureRecording.HASHED && type !== 'categorical') {
      problems.add(`${prop}.recording`, recorded, 'is for categorical features: bucket or drop a numeric one');
    }
    if (values?.length === 0) problems.add(`${prop}.values`, values, 'must not be empty: leave it out if unknown');
    if (values && new Set(values).size < values.length) problems.add(`${prop}.values`, values, 'has duplicates');
  }
  if (features.length > 0 && features.every(({ schema }) => schema.importance === 0)) {
    problems.addText("'features' all have importance 0: the model's drift score would always be 0");
  }
}

function checkTask(task: ModelTask, problems: Problems): void {
  const { classes, decisionThreshold } = task.schema;
  if (classes && classes.length < 2) problems.add('task.classes', classes, 'must name at least two classes');
  if (classes?.includes('')) problems.add('task.classes', classes, 'must not have an empty class');
  if (classes && new Set(classes).size < classes.length) problems.add('task.classes', classes, 'has duplicates');
  if (decisionThreshold !== undefined && !(decisionThreshold > 0 && decisionThreshold < 1)) {
    problems.add('task.decisionThreshold', decisionThreshold, 'must be between 0 and 1');
  }
}
