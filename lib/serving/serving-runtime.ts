import { CONTAINER_USER } from '../contract';
import { imageProblem } from '../validation/image';
import { environmentNameProblem } from '../validation/names';
import { Problems } from '../validation/problems';
import { portProblem } from '../validation/uri';

/** The protocol that callers speak. */
export enum InferenceProtocol {
  /** TensorFlow Serving's REST API: `/v1/models/<name>:predict`. */
  V1 = 'v1',
  /** The Open Inference Protocol: `/v2/models/<name>/infer`. */
  V2 = 'v2',
}

/** How a server learns the name under which it answers. @internal */
export type NameSource = 'argument' | 'environment' | 'directory';

/**
 * One row of the table of runtimes: what has to be known of a server to run, probe, call and scrape it.
 *
 * @internal
 */
export interface RuntimeSpec {
  /** KServe's model format; undefined for an image of the user's own. */
  readonly format?: { readonly name: string; readonly version?: string };
  /** Name of KServe's ClusterServingRuntime. */
  readonly kserveRuntime?: string;
  /** Image for the engine that has no KServe. */
  readonly image: string;
  /** Arguments for that image; the name's argument is added. */
  readonly args: readonly string[];
  /** Environment that it needs, beside the name's. */
  readonly env: Readonly<Record<string, string>>;
  readonly nameFrom: NameSource;
  /** The argument or the variable that carries the name. */
  readonly nameKey: string;
  readonly protocols: readonly InferenceProtocol[];
  readonly port: number;
  /** Path that answers success when the model is loaded; `{name}` stands for the model's name. */
  readonly readyPath: Readonly<Partial<Record<InferenceProtocol, string>>>;
  readonly livePath: string;
  readonly metrics: { readonly port: number; readonly path: string };
  /** The image's own user, or one that it runs as. */
  readonly user: number;
}

/** KServe's release whose runtimes the table describes. */
export const KSERVE_VERSION = 'v0.20.0';

const { V1, V2 } = InferenceProtocol;
const MODELS = '/mnt/models';
/** The user that the images of KServe, MLServer and Triton have for their servers. */
const IMAGE_USER = 1000;

/** KServe's own Python servers: name by argument, both protocols, metrics beside the predictions. */
function kserveServer(format: string, version: string, runtime: string, image: string, args: string[]): RuntimeSpec {
  return {
    format: { name: format, version },
    kserveRuntime: runtime,
    image: `docker.io/kserve/${image}:${KSERVE_VERSION}`,
    args,
    env: {},
    nameFrom: 'argument',
    nameKey: '--model_name',
    protocols: [V1, V2],
    port: 8080,
    readyPath: { [V1]: '/v1/models/{name}', [V2]: '/v2/models/{name}/ready' },
    livePath: '/v2/health/live',
    metrics: { port: 8080, path: '/metrics' },
    user: IMAGE_USER,
  };
}

const FROM_MODELS = [`--model_dir=${MODELS}`, '--http_port=8080'];

/**
 * The runtimes by format, as KServe's `config/runtimes` defines them.
 *
 * @see https://github.com/kserve/kserve/tree/v0.20.0/config/runtimes
 */
const RUNTIMES = {
  sklearn: kserveServer('sklearn', '1', 'kserve-sklearnserver', 'sklearnserver', FROM_MODELS),
  xgboost: kserveServer('xgboost', '2', 'kserve-xgbserver', 'xgbserver', [...FROM_MODELS, '--nthread=1']),
  lightgbm: kserveServer('lightgbm', '4', 'kserve-lgbserver', 'lgbserver', [...FROM_MODELS, '--nthread=1']),
  huggingface: kserveServer('huggingface', '1', 'kserve-huggingfaceserver', 'huggingfaceserver', FROM_MODELS),
  mlflow: {
    format: { name: 'mlflow', version: '2' },
    kserveRuntime: 'kserve-mlserver',
    image: 'docker.io/seldonio/mlserver:1.7.1',
    args: [],
    env: {
      MLSERVER_MODEL_IMPLEMENTATION: 'mlserver_mlflow.MLflowRuntime',
      MLSERVER_MODEL_URI: MODELS,
      MLSERVER_HTTP_PORT: '8080',
      MLSERVER_GRPC_PORT: '9000',
      // Its metrics files go to the working directory by default, which is not writable.
      MLSERVER_METRICS_DIR: '/tmp',
    },
    nameFrom: 'environment',
    nameKey: 'MLSERVER_MODEL_NAME',
    protocols: [V2],
    port: 8080,
    readyPath: { [V2]: '/v2/models/{name}/ready' },
    livePath: '/v2/health/live',
    // A port of its own, whatever KServe's annotation says.
    metrics: { port: 8082, path: '/metrics' },
    user: IMAGE_USER,
  },
  triton: {
    format: { name: 'triton', version: '2' },
    kserveRuntime: 'kserve-tritonserver',
    image: 'nvcr.io/nvidia/tritonserver:23.05-py3',
    args: ['tritonserver', `--model-store=${MODELS}`, '--http-port=8080', '--grpc-port=9000'],
    env: {},
    nameFrom: 'directory',
    nameKey: '',
    protocols: [V2],
    port: 8080,
    readyPath: { [V2]: '/v2/models/{name}/ready' },
    livePath: '/v2/health/live',
    metrics: { port: 8002, path: '/metrics' },
    user: IMAGE_USER,
  },
} as const satisfies Record<string, RuntimeSpec>;

/** Options of {@link ServingRuntime.triton}. */
export interface TritonOptions {
  /** Name of the model's directory in the model repository: Triton serves the model under it. */
  readonly modelDirectory: string;
}

/** Options of {@link ServingRuntime.custom}. */
export interface CustomRuntimeOptions {
  /** Image of the server, pinned by a tag or digest. It finds the artifact under `/mnt/models`. */
  readonly image: string;

  /**
   * Program and arguments.
   *
   * @default - the image's own
   */
  readonly command?: readonly string[];

  /**
   * Protocols that it speaks.
   *
   * @default [InferenceProtocol.V2]
   */
  readonly protocols?: readonly InferenceProtocol[];

  /**
   * Port that it listens on.
   *
   * @default 8080
   */
  readonly port?: number;

  /**
   * Path that answers success once the model is loaded.
   *
   * @default /v2/models/<name>/ready
   */
  readonly readyPath?: string;

  /**
   * Path that answers success while the server lives, also before the model is loaded.
   *
   * @default /v2/health/live
   */
  readonly livePath?: string;

  /**
   * Port of its metrics, at `/metrics`.
   *
   * @default - the port that it listens on
   */
  readonly metricsPort?: number;

  /**
   * Variable by which it is told the name under which it has to answer.
   *
   * @default MODEL_NAME
   */
  readonly nameVariable?: string;

  /**
   * User and group that the server runs as; not root.
   *
   * @default 65532
   */
  readonly user?: number;

  /**
   * Whether the image may have a tag that moves, such as `latest`.
   *
   * @default false
   */
  readonly allowMutableTag?: boolean;
}

/** The server of a model: image and protocol. Immutable data. */
export class ServingRuntime {
  /** scikit-learn, by KServe's sklearnserver. */
  public static sklearn(): ServingRuntime {
    return new ServingRuntime('sklearn', RUNTIMES.sklearn);
  }

  /** XGBoost, by KServe's xgbserver. */
  public static xgboost(): ServingRuntime {
    return new ServingRuntime('xgboost', RUNTIMES.xgboost);
  }

  /** LightGBM, by KServe's lgbserver. */
  public static lightgbm(): ServingRuntime {
    return new ServingRuntime('lightgbm', RUNTIMES.lightgbm);
  }

  /** Any flavour of MLflow, by MLServer; V2 only. */
  public static mlflow(): ServingRuntime {
    return new ServingRuntime('mlflow', RUNTIMES.mlflow);
  }

  /** Hugging Face models, by KServe's huggingfaceserver. */
  public static huggingface(): ServingRuntime {
    return new ServingRuntime('huggingface', RUNTIMES.huggingface);
  }

  /** NVIDIA Triton, with a model repository as artifact; V2 only. */
  public static triton(options: TritonOptions): ServingRuntime {
    return new ServingRuntime('triton', RUNTIMES.triton, options.modelDirectory);
  }

  /**
   * A server of one's own, FastAPI and the like.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static custom(options: CustomRuntimeOptions): ServingRuntime {
    const { port = 8080, metricsPort = port, protocols = [V2], readyPath = '/v2/models/{name}/ready' } = options;
    const { livePath = '/v2/health/live', nameVariable = 'MODEL_NAME', user = CONTAINER_USER } = options;
    const problems = new Problems('ServingRuntime.custom');
    problems.check('image', options.image, imageProblem(options.image, options.allowMutableTag));
    problems.check('port', port, portProblem(port));
    problems.check('metricsPort', metricsPort, portProblem(metricsPort));
    problems.check('nameVariable', nameVariable, environmentNameProblem(nameVariable));
    if (!(Number.isInteger(user) && user > 0)) problems.add('user', user, 'must be a user id above 0: not root');
    if (protocols.length === 0) problems.add('protocols', protocols, 'must name at least one protocol');
    for (const [name, path] of Object.entries({ readyPath, livePath })) {
      if (!path.startsWith('/')) problems.add(name, path, "must be a path, starting with '/'");
    }
    problems.throwIfAny();
    return new ServingRuntime('custom', {
      image: options.image,
      args: options.command ?? [],
      env: {},
      nameFrom: 'environment',
      nameKey: nameVariable,
      protocols: [...protocols],
      port,
      readyPath: Object.fromEntries(protocols.map((protocol) => [protocol, readyPath])),
      livePath,
      metrics: { port: metricsPort, path: '/metrics' },
      user,
    });
  }

  private constructor(
    /** Name of the runtime, for example `sklearn`. */
    public readonly name: string,
    /** @internal */
    public readonly _spec: RuntimeSpec,
    /** Directory by which Triton names the model. @internal */
    public readonly _modelDirectory?: string,
  ) {}
}

/** Where every server finds its artifact. @internal */
export const MODEL_MOUNT = MODELS;
