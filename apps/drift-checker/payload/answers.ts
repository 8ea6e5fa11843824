import { type TaskSchema } from 'cdk8s-mlops/contract';
import { PayloadError, shown } from './payload-error';

/** What the model answered to one instance. */
export interface Prediction {
  /** A class, or a number (regression); null when the model said null. */
  readonly prediction: string | number | null;
  /** Probability of the positive class (binary), else of the predicted class; null when it isn't known. */
  readonly score: number | null;
}

/** The answers of one call as they were sent, one entry per instance; undefined where nothing was said. */
export interface Answers {
  readonly labels?: readonly unknown[];
  readonly scores?: readonly unknown[];
}

/** How the numbers among the labels of one call are meant. */
type NumberMeaning = 'name' | 'index' | 'score';

/** From which probability on the positive class is answered, unless the schema says otherwise. */
const DEFAULT_THRESHOLD = 0.5;
/** What rounding may add to a probability. */
const ROUNDING = 1e-6;

/** @throws PayloadError when an answer is none of the task's */
export function interpretAnswers(answers: Answers, task: TaskSchema): Prediction[] {
  const { labels, scores } = answers;
  const length = labels?.length ?? scores?.length ?? 0;
  if (scores && scores.length !== length) {
    throw new PayloadError(`the response has ${length} predictions and ${scores.length} scores; expected as many`);
  }
  if (task.type === 'regression') return (labels ?? scores ?? []).map(regressionAnswer);
  const classifier = new Classifier(task, labels ?? []);
  const rows: Prediction[] = [];
  for (let row = 0; row < length; row++)
    rows.push(classifier.answer(row, single(labels?.[row]), single(scores?.[row])));
  return rows;
}

/** The value of a list of one. */
function single(value: unknown): unknown {
  return Array.isArray(value) && value.length === 1 ? value[0] : value;
}

function regressionAnswer(answer: unknown, row: number): Prediction {
  const value = single(answer);
  if (value !== null && typeof value !== 'number') throw unexpected(row, value, 'a number');
  return { prediction: value, score: null };
}

function unexpected(row: number, value: unknown, expected: string): PayloadError {
  return new PayloadError(`prediction ${row} is ${shown(value)}; expected ${expected}`);
}

class Classifier {
  private readonly classes: readonly string[];
  private readonly binary: boolean;
  /** Decided once per call: a score that happens to be 0 or 1 is no class. */
  private readonly meaning: NumberMeaning;

  constructor(
    private readonly task: TaskSchema,
    labels: readonly unknown[],
  ) {
    this.classes = task.classes ?? [];
    this.binary = task.type === 'binary-classification';
    this.meaning = this.meaningOf(labels);
  }

  public answer(row: number, said: unknown, saidScore: unknown): Prediction {
    let label = said;
    let score = saidScore;
    if (Array.isArray(label) || (typeof label === 'number' && this.meaning === 'score')) {
      if (score !== undefined) throw unexpected(row, label, `a class beside the score; ${this.expected()}`);
      [label, score] = [undefined, label];
    }
    if (score === undefined && label === undefined) throw unexpected(row, label, this.expected());
    const known = label === undefined ? undefined : this.classOf(label, row);
    if (Array.isArray(score)) return this.fromProbabilities(score, known, row);
    if (score === undefined || score === null) return { prediction: known ?? null, score: null };
    const probability = this.probability(score, row);
    if (known !== undefined) return { prediction: known, score: probability };
    if (!this.binary) throw unexpected(row, score, this.expected());
    return { prediction: this.thresholded(probability), score: probability };
  }

  private meaningOf(labels: readonly unknown[]): NumberMeaning {
    const numbers = labels.map(single).filter((label) => typeof label === 'number');
    if (numbers.length === 0) return 'index';
    if (numbers.every((label) => this.classes.includes(String(label)))) return 'name';
    if (numbers.every((label) => this.classes[label] !== undefined)) return 'index';
    return this.binary ? 'score' : 'index';
  }

  private classOf(label: unknown, row: number): string | null {
    if (label === null) return null;
    if (typeof label === 'string' && (this.classes.length === 0 || this.classes.includes(label))) return label;
    const named = typeof label === 'boolean' ? this.classNamed(label) : this.classOfNumber(label);
    if (named === undefined) throw unexpected(row, label, this.expected());
    return named;
  }

  private classOfNumber(label: unknown): string | undefined {
    if (typeof label !== 'number') return undefined;
    return this.meaning === 'name' ? String(label) : this.classes[label];
  }

  private classNamed(label: boolean): string | undefined {
    return this.classes.find((name) => name.toLowerCase() === String(label));
  }

  private fromProbabilities(values: readonly unknown[], known: string | null | undefined, row: number): Prediction {
    const { classes } = this;
    if (values.length !== classes.length || classes.length === 0) {
      throw unexpected(row, values, this.expected());
    }
    if (values.includes(null)) return { prediction: known ?? null, score: null };
    const probabilities = values.map((value) => this.probability(value, row));
    if (this.binary) {
      const score = probabilities[classes.indexOf(this.positive())] ?? 0;
      return { prediction: known === undefined ? this.thresholded(score) : known, score };
    }
    const best = typeof known === 'string' ? classes.indexOf(known) : probabilities.indexOf(Math.max(...probabilities));
    return { prediction: known === null ? null : (classes[best] ?? null), score: probabilities[best] ?? null };
  }

  private probability(value: unknown, row: number): number {
    if (typeof value !== 'number' || !(value >= -ROUNDING && value <= 1 + ROUNDING)) {
      throw unexpected(row, value, `a probability from 0 to 1; ${this.expected()}`);
    }
    return value;
  }

  private thresholded(score: number): string {
    const positive = this.positive();
    if (score >= (this.task.decisionThreshold ?? DEFAULT_THRESHOLD)) return positive;
    return this.classes.find((name) => name !== positive) ?? '';
  }

  /** The last of two classes is the positive one unless the schema says otherwise, as in scikit-learn. */
  private positive(): string {
    const { classes } = this;
    const positive = this.task.positiveClass ?? classes[1];
    if (classes.length === 2 && positive !== undefined && classes.includes(positive)) return positive;
    throw new PayloadError(
      `the schema's task has the classes ${classes.join(', ') || '(none)'} and the positive class ` +
        `${shown(positive)}; expected two classes, one of them positive, to read scores`,
    );
  }

  private expected(): string {
    const { classes } = this;
    if (classes.length === 0) return "a class by name: the schema's task has no classes";
    const score = this.binary ? ', a score from 0 to 1' : '';
    return `one of ${classes.join(', ')}, an index from 0 to ${classes.length - 1}${score} or ${classes.length} probabilities`;
  }
}
