import { CAPTURE_URL, CAPTURE_VERSION } from '../contract';
import { FeatureRecording } from '../model/feature';
import { type Model } from '../model/model';
import { type Problems } from '../validation/problems';
import { type CaptureSettings } from './capture';
import { type ServedModelSpec } from './served-model-spec';
import { type ServingRuntime } from './serving-runtime';

/** What a capture is checked against. */
export interface CapturedModel {
  readonly model: Model;
  readonly spec: ServedModelSpec;
  readonly runtime: ServingRuntime;
  /** The prediction log; undefined when nobody names one. */
  readonly log: string | undefined;
}

/** Reports what a capture lacks for this model, its engine and its platform. */
export function checkCapture(settings: CaptureSettings, captured: CapturedModel, problems: Problems): void {
  const { spec, runtime, log } = captured;
  if (log === undefined) {
    problems.addText(
      "'capture' needs a place for the prediction log: give the platform a 'predictionStore', use " +
        'Capture.on({ predictionLogUri: … }), or Capture.off()',
    );
  }
  if (!spec.engine._deploymentMode && runtime._spec.format !== undefined) {
    problems.addText(
      `'capture' has nobody who sends its predictions: ${runtime.name} on ServingEngine.deployment() sends none. Use KServe, ` +
        `ServingRuntime.custom(…) that posts to $${CAPTURE_URL}, or Capture.off()`,
    );
  }
  if (!spec.engine._deploymentMode && settings.requestIdHeader !== undefined) {
    const reader = "only KServe's logger reads it";
    problems.add('capture.requestIdHeader', settings.requestIdHeader, `has no effect without KServe: ${reader}`);
  }
  for (const prop of ['env', 'secrets'] as const) {
    for (const name of [CAPTURE_URL, CAPTURE_VERSION]) {
      if (name in spec[prop]) problems.addText(`'${prop}.${name}' is set by 'capture': leave it out`);
    }
  }
  checkHashKey(settings, captured.model, problems);
  checkLabelTimes(settings, captured.model, problems);
}

function checkHashKey({ hashKey }: CaptureSettings, model: Model, problems: Problems): void {
  const hashed = model.schema.features.filter(({ recorded }) => recorded === FeatureRecording.HASHED);
  const [first] = hashed;
  if (first && !hashKey) {
    const remedy = 'Capture.on({ hashKey: SecretReference.of(name, key) })';
    problems.addText(`'capture.hashKey' must be given, because the feature '${first.name}' is hashed: ${remedy}`);
  }
  if (!first && hashKey) problems.add('capture.hashKey', hashKey.name, 'has no effect: no feature is hashed');
}

function checkLabelTimes({ retention, labelWindow }: CaptureSettings, model: Model, problems: Problems): void {
  const delay = model.labelDelay?.toDays({ integral: false });
  for (const [name, duration] of Object.entries({ retention, labelWindow })) {
    if (duration && delay !== undefined && duration.toDays() < delay) {
      const because = `the model's label delay (${model.labelDelay?.toHumanString()}): no label would find its prediction`;
      problems.add(`capture.${name}`, duration.toHumanString(), `must not be shorter than ${because}`);
    }
  }
}
