import { checkPoolFit } from '../platform/pool-fit';
import { environmentNameProblem, dnsSubdomainProblem } from '../validation/names';
import { type Problems } from '../validation/problems';
import { secretLiteralProblem } from '../validation/secrets';
import { type ServedModelSpec } from './served-model-spec';
import { InferenceProtocol, type ServingRuntime } from './serving-runtime';

// `isvc.<model>-candidate-predictor` is a label value, `<model>-candidate-predictor-<namespace>` a DNS label of the address
// that KServe always computes.
const KSERVE_NAME_LIMIT = 63 - 'isvc.-candidate-predictor'.length;
const KSERVE_ADDRESS_LIMIT = 63 - '-candidate-predictor-'.length;

/** Fields of KServe's predictor that one of its modes silently ignores, with the mode that does not. */
const ONLY_IN: Readonly<Record<string, { readonly mode: 'Standard' | 'Knative'; readonly remedy: string }>> = {
  canaryTrafficPercent: { mode: 'Knative', remedy: 'only ServingEngine.kserveKnative() splits traffic by it' },
  containerConcurrency: { mode: 'Knative', remedy: 'only Knative limits requests in flight' },
  deploymentStrategy: { mode: 'Standard', remedy: 'Knative replaces revisions as a whole' },
  autoScaling: { mode: 'Standard', remedy: "Knative scales by 'replicas.target'" },
  canary: { mode: 'Standard', remedy: 'Knative splits traffic by canaryTrafficPercent' },
};

/** Fields that this construct renders from its props: a second way to say them would win silently. */
const HAVE_PROPS: Readonly<Record<string, string>> = {
  minReplicas: 'replicas.min',
  maxReplicas: 'replicas.max',
  scaleTarget: 'replicas.target',
  scaleMetric: 'replicas.target',
  serviceAccountName: 'serviceAccountAnnotations',
  batcher: 'batching',
  logger: 'capture',
  model: 'runtime',
  containers: 'runtime',
  labels: 'the labels that select pods',
  nodeSelector: 'pool',
  imagePullSecrets: 'imagePullSecrets',
  securityContext: "the profile 'restricted'",
  storageUris: 'source',
  tolerations: 'pool',
};

/** Reports everything that is wrong with a served model, or that its engine or runtime cannot do. */
export function checkServedModel(spec: ServedModelSpec, runtime: ServingRuntime, problems: Problems): void {
  checkName(spec, runtime, problems);
  checkEngine(spec, problems);
  checkProtocol(spec, runtime, problems);
  checkPoolFit('', spec, problems);
  checkOverrides(spec, problems);
  for (const name of Object.keys(spec.secrets)) {
    problems.check('secrets', name, environmentNameProblem(name));
    if (name in spec.env) problems.add('secrets', name, 'stands under env and under secrets: keep one');
  }
  for (const [name, value] of Object.entries(spec.env)) {
    problems.check('env', name, environmentNameProblem(name));
    const problem = secretLiteralProblem(name, value);
    if (problem !== undefined) problems.addText(`'env.${name}' ${problem}`);
  }
  for (const name of spec.imagePullSecrets) problems.check('imagePullSecrets', name, dnsSubdomainProblem(name));
}

function checkName({ name, namespace, engine }: ServedModelSpec, runtime: ServingRuntime, problems: Problems): void {
  const directory = runtime._modelDirectory;
  if (directory !== undefined && directory !== name) {
    const paths = `/v2/models/${directory} and not /v2/models/${name}`;
    problems.add('runtime.modelDirectory', directory, `must be '${name}': Triton would serve the model under ${paths}`);
  }
  if (!engine._deploymentMode) return;
  if (name.length > KSERVE_NAME_LIMIT) {
    const because = "KServe's label 'isvc.<model>-candidate-predictor'";
    problems.add(
      'model.name',
      name,
      `must have at most ${KSERVE_NAME_LIMIT} characters on KServe, because of ${because}`,
    );
  }
  if (name.length + namespace.length > KSERVE_ADDRESS_LIMIT) {
    const limit = `must have at most ${KSERVE_ADDRESS_LIMIT} characters together with the namespace '${namespace}' on KServe`;
    problems.add('model.name', name, `${limit}, because of the address '<model>-candidate-predictor-<namespace>'`);
  }
}

function checkEngine(
  { engine, minReplicas, target, exposure, runtime, batching, pool }: ServedModelSpec,
  problems: Problems,
): void {
  if (minReplicas === 0 && !engine._scalesToZero) {
    const remedy = 'use at least 1, or ServingEngine.kserveKnative()';
    problems.add('replicas.min', 0, `cannot be had on ${engine.name}, which does not scale to zero: ${remedy}`);
  }
  if (target && !engine._scaleMetrics.includes(target.metric)) {
    const known = engine._scaleMetrics.join(', ');
    problems.add('replicas.target', target.metric, `is no metric that ${engine.name} scales on, which are ${known}`);
  }
  if (minReplicas === 0 && (target?.metric === 'cpu' || target?.metric === 'memory')) {
    problems.add('replicas.target', target.metric, 'cannot scale to zero: without a pod it has no value');
  }
  if (pool?.spot && !pool.onDemandFallback) {
    const remedy = "make the pool with 'onDemandFallback: true', or take one without spot capacity";
    problems.add('pool', pool.name, `has spot capacity only: while there is none, the model is not served: ${remedy}`);
  }
  if (pool && !engine._selectsNodes) {
    const remedy = 'enable its feature flags and say so with ServingEngine.kserveKnative({ nodeSelection: true })';
    problems.add(
      'pool',
      pool.name,
      `cannot be had on KServe Knative as it is installed, which refuses node selectors: ${remedy}`,
    );
  }
  if (exposure._kind === 'kserve' && !engine._deploymentMode) {
    problems.addText(
      "'exposure' is KServe's, but there is no KServe on ServingEngine.deployment(): use Exposure.gateway",
    );
  }
  if (exposure._kind === 'gateway' && engine._deploymentMode === 'Knative') {
    problems.addText(
      "'exposure' cannot be a Gateway on KServe Knative, which routes by itself: use Exposure.byKserve()",
    );
  }
  const batches = engine._deploymentMode ? true : runtime.format === undefined || runtime.format.name === 'mlflow';
  if (batching && !batches) {
    problems.add('batching', batching, `has no effect: ${runtime.format?.name} batches only behind KServe's agent`);
  }
}

function checkProtocol(
  { engine, protocol, batching }: ServedModelSpec,
  runtime: ServingRuntime,
  problems: Problems,
): void {
  const { protocols } = runtime._spec;
  if (!protocols.includes(protocol)) {
    problems.add('protocol', protocol, `is not spoken by ${runtime.name}, which speaks ${protocols.join(', ')}`);
  }
  if (batching && engine._deploymentMode && protocol !== InferenceProtocol.V1) {
    problems.add('batching', batching, `works on KServe with protocol v1 only: its agent batches "instances"`);
  }
}

function checkOverrides({ engine, predictorOverrides }: ServedModelSpec, problems: Problems): void {
  for (const [field, value] of Object.entries(predictorOverrides)) {
    const prop = `predictorOverrides.${field}`;
    const only = ONLY_IN[field];
    if (!engine._deploymentMode) problems.add(prop, value, 'has no effect without KServe');
    else if (HAVE_PROPS[field]) problems.add(prop, value, `has a prop of its own: ${HAVE_PROPS[field]}`);
    else if (only && only.mode !== engine._deploymentMode) {
      problems.add(prop, value, `is silently ignored by ${engine.name}: ${only.remedy}`);
    }
    if (field === 'canaryTrafficPercent' && !(Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 100)) {
      problems.add(prop, value, 'must be a whole number from 0 to 100');
    }
  }
}
