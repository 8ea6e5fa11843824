import { type TaskSchema } from 'cdk8s-mlops/contract';
import { type Answers, interpretAnswers, type Prediction } from './answers';
import { type Body, isObject, type JsonObject, parseBody, property } from './json-body';
import { PayloadError, shown } from './payload-error';
import { areTensors, firstDimension, readTensor, type Tensor } from './tensor';

/** What a response answered. */
export interface DecodedResponse {
  /** The V2 protocol's own id. */
  readonly id?: string;
  readonly rows: Prediction[];
}

/**
 * Decodes the body of a response: V1 `{"predictions": [...]}` (or `"outputs"`) or V2 `{"outputs": [tensors]}`.
 *
 * Regression: numbers. Classification, per instance:
 * - a text is a class;
 * - a list with a number for each class holds probabilities in the order of the schema's classes. Binary: the score is
 *   the positive class's, which is predicted from the decision threshold (0.5) on. Multiclass: the most probable class
 *   and its probability;
 * - a number is a class's name where classes are numerals, else its index, else (binary) the positive class's score.
 *   All numbers of a call are read alike: they are classes if each of them can be one;
 * - an object has the answer as `prediction`, `class` or `label` and its score as `score`, `probability` or
 *   `probabilities`, and either may be missing;
 * - null is no answer; a list of one is its value.
 *
 * Among several V2 outputs, one named after a probability or score, or of shape [n, classes], has the scores, and the
 * other the classes: as MLServer's `predict` and `predict_proba`.
 *
 * @throws PayloadError when the body or an answer is none of these
 */
export function decodeResponse(body: Body, task: TaskSchema): DecodedResponse {
  const response = parseBody(body, 'the response body');
  const rows = interpretAnswers(answersOf(response, task), task);
  return typeof response.id === 'string' ? { id: response.id, rows } : { rows };
}

function answersOf(response: JsonObject, task: TaskSchema): Answers {
  const { predictions, outputs } = response;
  if (Array.isArray(predictions)) return fromPredictions(predictions);
  if (Array.isArray(outputs)) {
    return areTensors(outputs) ? fromTensors(outputs.map(readTensor), task) : fromPredictions(outputs);
  }
  throw new PayloadError(
    `the response body is ${shown(response)}; expected a list 'predictions' (V1) or 'outputs' (V2)`,
  );
}

const LABEL_KEYS = ['prediction', 'class', 'label'];
const SCORE_KEYS = ['score', 'probability', 'probabilities'];

function fromPredictions(predictions: readonly unknown[]): Answers {
  if (!predictions.some(isObject)) return { labels: predictions };
  return {
    labels: predictions.map((prediction) => (isObject(prediction) ? firstOf(prediction, LABEL_KEYS) : prediction)),
    scores: predictions.map((prediction) => (isObject(prediction) ? firstOf(prediction, SCORE_KEYS) : undefined)),
  };
}

function firstOf(object: JsonObject, names: readonly string[]): unknown {
  for (const name of names) {
    const value = property(object, name);
    if (value !== undefined) return value;
  }
  return undefined;
}

const SCORE_NAME = /proba|score/i;
const LABEL_NAME = /predict|label|class/i;

type Test = (tensor: Tensor) => boolean;

const namedScore: Test = ({ name, data }) => SCORE_NAME.test(name) && typeof data[0] !== 'string';
const namedLabel: Test = ({ name }) => LABEL_NAME.test(name);

function fromTensors(tensors: readonly Tensor[], task: TaskSchema): Answers {
  const [only] = tensors;
  const regression = task.type === 'regression';
  if (regression && only && tensors.length === 1) return { labels: firstDimension(only) };
  const hasClasses: Test = ({ shape }) => !regression && shape.length > 1 && shape.at(-1) === task.classes?.length;
  const isScore: Test = (tensor) => namedScore(tensor) || hasClasses(tensor);
  const label = narrow(tensors, (tensor) => !isScore(tensor), namedLabel);
  const score = regression ? undefined : narrow(tensors, isScore, namedScore, hasClasses);
  if (!label && !score) throw ambiguous(tensors);
  return { labels: label && firstDimension(label), scores: score && firstDimension(score) };
}

/** The one that passes the first test, and where several do, as many of the others as leave any. */
function narrow(tensors: readonly Tensor[], first: Test, ...others: readonly Test[]): Tensor | undefined {
  let candidates = tensors.filter(first);
  for (const test of others) {
    if (candidates.length > 1 && candidates.some(test)) candidates = candidates.filter(test);
  }
  if (candidates.length > 1) throw ambiguous(tensors);
  return candidates[0];
}

function ambiguous(tensors: readonly Tensor[]): PayloadError {
  const names = tensors.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join(', ');
  return new PayloadError(
    `the response has the outputs ${names}; expected one with the predictions, such as 'predict', ` +
      "and for a classifier one with scores, such as 'predict_proba'",
  );
}
