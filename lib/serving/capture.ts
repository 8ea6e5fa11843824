import { type Duration } from 'cdk8s';
import { CAPTURE_DEFAULTS } from '../contract';
import { checkResources, type ContainerResources, resolveResources } from '../platform/container-resources';
import { type SecretReference } from '../platform/secret-reference';
import { dnsLabelProblem, dnsSubdomainProblem } from '../validation/names';
import { Problems } from '../validation/problems';
import { bytesProblem, quantityValue } from '../validation/quantity';
import { objectStoreUriProblem } from '../validation/uri';

/** How many collectors there are; their number follows the CPU. */
export interface CaptureReplicas {
  /**
   * Fewest replicas.
   *
   * @default 2
   */
  readonly min?: number;

  /**
   * Most replicas.
   *
   * @default - 6, or the fewest where these are more
   */
  readonly max?: number;
}

/** Options of {@link Capture.on}. */
export interface CaptureOptions {
  /**
   * Folder in the object store for the prediction log, of this model alone.
   *
   * @default - `<predictionStore of the platform>/<model>`
   */
  readonly predictionLogUri?: string;

  /**
   * Share of the calls that are kept in the log, above 0 and at most 1. Metrics count all of them.
   *
   * @default 1
   */
  readonly sampling?: number;

  /**
   * How long what was recorded is kept: whole days.
   *
   * @default - it is kept
   */
  readonly retention?: Duration;

  /**
   * Header of the call that carries the id by which labels come back, spelled as KServe's logger has it: `X-Request-Id`.
   *
   * @default - the header `Ce-Id`, or the `id` of a V2 request
   */
  readonly requestIdHeader?: string;

  /**
   * How many collectors there are.
   *
   * @default - 2 to 6, at 70 % of the CPU
   */
  readonly replicas?: CaptureReplicas;

  /**
   * What each collector asks for.
   *
   * @default - 250m CPU, 256Mi of memory, limited to 512Mi
   */
  readonly resources?: ContainerResources;

  /**
   * Disk of each collector on which events wait for the object store, at least 256Mi.
   *
   * @default 2Gi
   */
  readonly bufferSize?: string;

  /**
   * Namespaces whose pods may post labels, beside its own.
   *
   * @default - none
   */
  readonly labelCallers?: readonly string[];

  /**
   * Key of the hashes of features that are recorded `FeatureRecording.HASHED`; required where there are any.
   *
   * @default - none: no feature is hashed
   */
  readonly hashKey?: SecretReference;

  /**
   * Annotations of the service account, for example `eks.amazonaws.com/role-arn`.
   *
   * @default - none: EKS Pod Identity needs none
   */
  readonly serviceAccountAnnotations?: { readonly [key: string]: string };

  /**
   * Names of Secrets with credentials of the registry of the drift-checker image.
   *
   * @default - none
   */
  readonly imagePullSecrets?: readonly string[];

  /**
   * How long a request waits for its response, and a response for its request: whole hours.
   *
   * @default Duration.hours(6)
   */
  readonly pairingTimeout?: Duration;

  /**
   * How long after its prediction a label may come: whole days.
   *
   * @default - 30 days, or twice the model's label delay where that is longer
   */
  readonly labelWindow?: Duration;
}

const DEFAULT_RESOURCES: ContainerResources = { cpu: '250m', memory: '256Mi', memoryLimit: '512Mi' };
const DEFAULT_BUFFER_SIZE = '2Gi';
const { memoryBytes, segmentBytes } = CAPTURE_DEFAULTS.limits;
/** What is on the disk beside the buffer: bodies that were let in before it was full, and the two segments that are being packed. */
const BESIDE_BUFFER = memoryBytes + 2 * segmentBytes;
/** Of the rest, what may be filled before events are shed: a full disk evicts the pod. */
const BUFFER_SHARE = 0.9;
const MIN_BUFFER_SIZE = '256Mi';

/** What can be said of a capture without its model. @internal */
export interface CaptureSettings extends CaptureOptions {
  readonly sampling: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly resources: ContainerResources;
  readonly bufferSize: string;
  readonly bufferBytes: number;
  readonly pairingHours: number;
  readonly labelCallers: readonly string[];
  readonly imagePullSecrets: readonly string[];
}

/** Whether live requests, responses and labels are recorded, and how. Immutable data. */
export class Capture {
  /**
   * They are counted and kept in the prediction log, which the drift check reads.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static on(options: CaptureOptions = {}): Capture {
    const settings = resolve(options);
    check(settings);
    return new Capture(settings);
  }

  /** They are not. */
  public static off(): Capture {
    return new Capture(undefined);
  }

  private constructor(
    /** @internal */
    public readonly _settings: CaptureSettings | undefined,
  ) {}
}

function resolve(options: CaptureOptions): CaptureSettings {
  const { resources, bufferSize = DEFAULT_BUFFER_SIZE } = options;
  const { min = 2, max = Math.max(6, min) } = options.replicas ?? {};
  // Whoever reserves more does not want the default limit below it.
  const { memoryLimit, ...reserved } = DEFAULT_RESOURCES;
  return {
    ...options,
    sampling: options.sampling ?? CAPTURE_DEFAULTS.sampling,
    minReplicas: min,
    maxReplicas: max,
    resources: resolveResources(resources, resources?.memory === undefined ? { ...reserved, memoryLimit } : reserved),
    bufferSize,
    bufferBytes: Math.floor(((quantityValue(bufferSize) ?? 0) - BESIDE_BUFFER) * BUFFER_SHARE),
    pairingHours: options.pairingTimeout?.toHours({ integral: false }) ?? CAPTURE_DEFAULTS.pairingHours,
    labelCallers: [...(options.labelCallers ?? [])],
    imagePullSecrets: [...(options.imagePullSecrets ?? [])],
    serviceAccountAnnotations: { ...options.serviceAccountAnnotations },
  };
}

function check(settings: CaptureSettings): void {
  const { predictionLogUri, sampling, requestIdHeader, minReplicas, maxReplicas, resources } = settings;
  const problems = new Problems('Capture.on');
  if (predictionLogUri !== undefined) {
    problems.check('predictionLogUri', predictionLogUri, objectStoreUriProblem(predictionLogUri));
  }
  if (!(sampling > 0 && sampling <= 1)) problems.add('sampling', sampling, 'must be above 0 and at most 1');
  if (requestIdHeader !== undefined) problems.check('requestIdHeader', requestIdHeader, headerProblem(requestIdHeader));
  if (!Number.isInteger(minReplicas) || minReplicas < 1) {
    problems.add('replicas.min', minReplicas, 'must be a whole number from 1 on');
  }
  if (!Number.isInteger(maxReplicas)) problems.add('replicas.max', maxReplicas, 'must be a whole number');
  if (minReplicas > maxReplicas) {
    problems.add('replicas.min', minReplicas, `must not be above the maximum (${maxReplicas})`);
  }
  checkResources('resources', resources, problems);
  checkBuffer(settings, problems);
  checkTimes(settings, problems);
  for (const namespace of settings.labelCallers) problems.check('labelCallers', namespace, dnsLabelProblem(namespace));
  for (const name of settings.imagePullSecrets) problems.check('imagePullSecrets', name, dnsSubdomainProblem(name));
  problems.throwIfAny();
}

/** Go's server spells headers in one way, and KServe's logger compares spellings. */
function headerProblem(header: string): string | undefined {
  if (!/^[A-Za-z0-9-]+$/.test(header)) return 'must be the name of a header: letters, digits and hyphens';
  const canonical = header.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
  return header === canonical ? undefined : `never matches in KServe's logger: spell it '${canonical}'`;
}

function checkBuffer({ bufferSize, resources }: CaptureSettings, problems: Problems): void {
  const problem = bytesProblem(bufferSize);
  problems.check('bufferSize', bufferSize, problem);
  if (problem === undefined && (quantityValue(bufferSize) ?? 0) < (quantityValue(MIN_BUFFER_SIZE) ?? 0)) {
    const because = 'what is received and packed meanwhile has to fit beside the buffer';
    problems.add('bufferSize', bufferSize, `must be at least ${MIN_BUFFER_SIZE}: ${because}`);
  }
  const { ephemeralStorage } = resources;
  if ((quantityValue(ephemeralStorage ?? '') ?? Infinity) < (quantityValue(bufferSize) ?? 0)) {
    problems.add('resources.ephemeralStorage', ephemeralStorage, `must not be below 'bufferSize' (${bufferSize})`);
  }
}

function checkTimes({ retention, labelWindow, pairingTimeout }: CaptureSettings, problems: Problems): void {
  for (const [name, duration] of Object.entries({ retention, labelWindow })) {
    const days = duration?.toDays({ integral: false }) ?? 1;
    if (days < 1 || days % 1 !== 0) problems.add(name, duration?.toHumanString(), 'must be whole days, at least one');
  }
  const hours = pairingTimeout?.toHours({ integral: false }) ?? 1;
  if (hours < 1 || hours % 1 !== 0) {
    problems.add('pairingTimeout', pairingTimeout?.toHumanString(), 'must be whole hours, at least one');
  }
}
