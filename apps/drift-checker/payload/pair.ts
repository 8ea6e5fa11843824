import { ANNOTATIONS, type ModelSchema } from 'cdk8s-mlops/contract';
import { type Prediction } from './answers';
import { decodeRequest, type FeatureRow } from './instances';
import { type LogRecord } from './log-record';
import { PayloadError } from './payload-error';
import { decodeResponse } from './predictions';

/** One instance and what the model answered: a row of the prediction log. */
export interface PredictionRow extends Prediction {
  /** The call's id, with `#0`, `#1`, … where the call had several instances. */
  readonly requestId: string;
  /** When the request was logged; undefined where the logger didn't say. */
  readonly timestamp?: Date;
  /** The model's version, where the logger was told to add the annotation. */
  readonly version?: string;
  /** In the order of the schema's features. */
  readonly features: FeatureRow;
}

/**
 * The rows of one call.
 *
 * @throws PayloadError when the records are not a request and its response, a body can't be decoded, or there are more
 * instances than predictions or fewer
 */
export function pairCall(request: LogRecord, response: LogRecord, schema: ModelSchema): PredictionRow[] {
  const { id, occurredAt: timestamp } = request;
  if (request.kind !== 'request' || response.kind !== 'response' || response.id !== id) {
    throw new PayloadError(
      `got a ${request.kind} '${id}' and a ${response.kind} '${response.id}'; expected a request and its response`,
    );
  }
  const { rows: instances } = decodeRequest(request.body, schema);
  const { rows: predictions } = decodeResponse(response.body, schema.task);
  if (instances.length !== predictions.length) {
    throw new PayloadError(
      `the request has ${instances.length} instances and the response ${predictions.length} predictions; expected as many`,
    );
  }
  const version = request.annotations[ANNOTATIONS.version] ?? response.annotations[ANNOTATIONS.version];
  const plain = instances.length === 1;
  return predictions.map(({ prediction, score }, index) => ({
    requestId: plain ? id : `${id}#${index}`,
    timestamp,
    version,
    features: instances[index] ?? [],
    prediction,
    score,
  }));
}
