import { databaseNameProblem, hostProblem, secretArnProblem } from '../validation/database';
import { Problems } from '../validation/problems';
import { portProblem } from '../validation/uri';

/** Names of the outputs of the cloud half that the manifests read: the stack declares them under these names. */
export const TERRAFORM_OUTPUTS = {
  /** Name of the EKS cluster, by which the outputs of two environments are told apart. */
  clusterName: 'cluster_name',
  /** Host of MLflow's database, without a port. */
  databaseHost: 'mlflow_database_host',
  /** Port of MLflow's database, a number. */
  databasePort: 'mlflow_database_port',
  /** Name of the database on its server. */
  databaseName: 'mlflow_database_name',
  /** ARN of the secret with the database's user and password. */
  databaseSecretArn: 'mlflow_database_secret_arn',
} as const;

/** Where MLflow's database is, and where its password lies. */
export interface MlflowDatabaseOutputs {
  /** Host, without a port. */
  readonly host: string;
  /** Port. */
  readonly port: number;
  /** Name of the database on its server. */
  readonly name: string;
  /** ARN of the secret with user and password, which RDS keeps and rotates. */
  readonly secretArn: string;
}

/** Options of {@link PlatformOutputs.fromTerraform}. */
export interface TerraformOutputsOptions {
  /**
   * Name of the file that the text was read from, for errors.
   *
   * @default outputs.json
   */
  readonly source?: string;

  /**
   * Name of the cluster whose outputs these must be, so that no environment gets the database of another one.
   *
   * @default - any
   */
  readonly clusterName?: string;
}

const DEFAULT_SOURCE = 'outputs.json';

/**
 * What AWS invents and the manifests need, as `terraform output -json` prints it; the program keeps that text in a file beside it.
 * None of it is a secret. Immutable data.
 */
export class PlatformOutputs {
  /**
   * The outputs of an applied cloud half.
   *
   * @param json what `terraform output -json` printed
   * @throws ValidationError listing everything that is wrong.
   */
  public static fromTerraform(json: string, options: TerraformOutputsOptions = {}): PlatformOutputs {
    const { source = DEFAULT_SOURCE, clusterName } = options;
    const problems = new Problems(`PlatformOutputs '${source}'`);
    const outputs = readOutputs(json, source, problems);
    problems.throwIfAny();

    const read = new OutputReader(outputs, problems);
    const found = read.text(TERRAFORM_OUTPUTS.clusterName);
    const host = read.text(TERRAFORM_OUTPUTS.databaseHost, hostProblem);
    const port = read.port(TERRAFORM_OUTPUTS.databasePort);
    const name = read.text(TERRAFORM_OUTPUTS.databaseName, databaseNameProblem);
    const secretArn = read.text(TERRAFORM_OUTPUTS.databaseSecretArn, secretArnProblem);
    if (clusterName !== undefined && found !== '' && found !== clusterName) {
      problems.add(TERRAFORM_OUTPUTS.clusterName, found, `must be '${clusterName}': these are of another environment`);
    }
    if (read.missing) problems.addText(`apply the stack as it is now, and write them anew: ${write(source)}`);
    problems.throwIfAny();
    return new PlatformOutputs({ host, port, name, secretArn }, source);
  }

  /**
   * The cloud half is not applied yet. What depends on its outputs is left out of the manifests, with an annotation that says so, and
   * everything else is rendered: it can be read and tested, and the cloud half can be made from it.
   *
   * @param source name of the file that the outputs will be written to, for the annotation
   */
  public static pending(source = DEFAULT_SOURCE): PlatformOutputs {
    return new PlatformOutputs(undefined, source);
  }

  private constructor(
    /** MLflow's database; undefined while the outputs are pending. */
    public readonly mlflowDatabase: MlflowDatabaseOutputs | undefined,
    /** Name of the file that the outputs are kept in. */
    public readonly source: string,
  ) {}

  /** What is to be done to get the outputs, in order. @internal */
  public get _remedy(): string {
    return `apply the cloud half, then ${write(this.source)}, then synthesize again`;
  }
}

function write(source: string): string {
  return `terraform output -json > ${source}`;
}

type Outputs = Readonly<Record<string, { readonly value: unknown }>>;

/** The outputs; the text is never repeated, because it may have a secret among them. */
function readOutputs(json: string, source: string, problems: Problems): Outputs {
  const remedy = `write it anew: ${write(source)}`;
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    problems.addText(json.trim() === '' ? `is empty; ${remedy}` : `is no JSON, was '-json' left out? ${remedy}`);
    return {};
  }
  if (!isObject(parsed)) {
    problems.addText(`must be an object of outputs, { name: { value, type, sensitive } }; ${remedy}`);
    return {};
  }
  const wrong = Object.entries(parsed).filter(([, output]) => !isObject(output) || !('value' in output));
  const names = wrong.map(([name]) => `'${name}'`).join(', ');
  if (wrong.length > 0) problems.addText(`${names} must be { value, type, sensitive }; ${remedy}`);
  return parsed as Outputs;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads outputs and keeps what is wrong with them. */
class OutputReader {
  /** Whether an output is not there at all. */
  public missing = false;

  constructor(
    private readonly outputs: Outputs,
    private readonly problems: Problems,
  ) {}

  public text(name: string, check: (value: string) => string | undefined = () => undefined): string {
    const value = this.value(name);
    if (value === undefined) return '';
    if (typeof value !== 'string' || value === '') {
      this.problems.add(name, value, 'must be a text that is not empty');
      return '';
    }
    this.problems.check(name, value, check(value));
    return value;
  }

  public port(name: string): number {
    const value = this.value(name);
    if (value === undefined) return 0;
    if (typeof value !== 'number') {
      this.problems.add(name, value, 'must be a number');
      return 0;
    }
    this.problems.check(name, value, portProblem(value));
    return value;
  }

  private value(name: string): unknown {
    if (Object.hasOwn(this.outputs, name)) return this.outputs[name]?.value ?? null;
    this.missing = true;
    this.problems.addText(`the output '${name}' is missing`);
    return undefined;
  }
}
