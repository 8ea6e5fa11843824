import { type TaskSchema } from '../contract';

/** Options of {@link ModelTask.binaryClassification}. */
export interface BinaryClassificationOptions {
  /** The class that precision and recall speak of, as it stands in the labels, for example `fraud` or `1`. */
  readonly positiveClass: string;

  /** The other class. */
  readonly negativeClass: string;

  /**
   * Score from which on the positive class is answered, between 0 and 1.
   *
   * @default 0.5
   */
  readonly decisionThreshold?: number;
}

/** What kind of question a model answers. Immutable data. */
export class ModelTask {
  /** Which of two classes. */
  public static binaryClassification(options: BinaryClassificationOptions): ModelTask {
    const { positiveClass, negativeClass, decisionThreshold = 0.5 } = options;
    const classes = [negativeClass, positiveClass];
    return new ModelTask({ type: 'binary-classification', classes, positiveClass, decisionThreshold });
  }

  /**
   * Which of several classes.
   *
   * @param classes at least two, in the order of the model's outputs
   */
  public static multiclassClassification(classes: readonly string[]): ModelTask {
    return new ModelTask({ type: 'multiclass-classification', classes: [...classes] });
  }

  /** How much. */
  public static regression(): ModelTask {
    return new ModelTask({ type: 'regression' });
  }

  /** The task as the schema file has it. */
  public readonly schema: TaskSchema;

  private constructor(schema: TaskSchema) {
    this.schema = Object.freeze(schema);
  }
}
