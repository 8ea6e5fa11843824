import { dnsLabelProblem, isEksClusterName } from '../validation/names';
import { Problems } from '../validation/problems';
import { ContainerImages } from './container-images';
import { resourceName } from './resource-name';
import { STORAGE_FOLDERS } from './storage-folders';
import { workloadRoleName } from './workload-role';

/** What an environment on AWS is called, and where it is. */
export interface AwsEnvironmentProps {
  /** What the platform is for: the first part of every name, for example `fraud`. */
  readonly project: string;

  /** Which of its environments this is, for example `staging` or `production`: the second part of every name. */
  readonly environment: string;

  /** Region, for example `eu-central-1`. */
  readonly region: string;

  /** The account, twelve digits. The cloud half refuses to be applied to another one. */
  readonly accountId: string;

  /**
   * Namespace of the platform and of its models.
   *
   * @default - the project
   */
  readonly namespace?: string;

  /**
   * Name of the EKS cluster.
   *
   * @default - `<project>-<environment>`
   */
  readonly clusterName?: string;
}

/** Names of the buckets of an environment, by what is in them. */
export interface PlatformBuckets {
  /** Artifacts of registered versions, which are served. */
  readonly models: string;
  /** What MLflow keeps of runs. */
  readonly artifacts: string;
  /** Workspaces of training runs. */
  readonly training: string;
  /** What live models were asked and answered, its labels, and reports about both. */
  readonly predictions: string;
}

/** Names of the two repositories of the loop's own containers, and of whatever else a project builds. */
const LOOP_IMAGES = ['drift-checker', 'gate-evaluator'] as const;

/**
 * Everything that the manifests and the cloud half of an environment must agree on, said once: names that we choose are computed
 * from it on both sides, without a network. What AWS invents comes back in {@link PlatformOutputs}. Immutable data.
 */
export class AwsEnvironment {
  /** What the platform is for. */
  public readonly project: string;
  /** Which of its environments this is. */
  public readonly environment: string;
  /** Region. */
  public readonly region: string;
  /** The account. */
  public readonly accountId: string;
  /** Namespace of the platform and of its models. */
  public readonly namespace: string;
  /** Name of the EKS cluster. */
  public readonly clusterName: string;
  /** Names of the buckets. */
  public readonly buckets: PlatformBuckets;
  /** Name of MLflow's database, as RDS knows it. */
  public readonly databaseIdentifier: string;
  /** Host of the account's image registry. */
  public readonly registry: string;
  /** Tags of everything that is made. */
  public readonly tags: { readonly [key: string]: string };

  /** @throws ValidationError listing everything that is wrong. */
  constructor(props: AwsEnvironmentProps) {
    const { project, environment, region, accountId } = props;
    this.project = project;
    this.environment = environment;
    this.region = region;
    this.accountId = accountId;
    this.namespace = props.namespace ?? project;
    this.clusterName = props.clusterName ?? resourceName(100, project, environment);
    this.check();
    // With the account, because the names of buckets are unique in the world.
    const bucket = (use: string): string => resourceName(63, project, environment, accountId, use);
    this.buckets = {
      models: bucket('models'),
      artifacts: bucket('artifacts'),
      training: bucket('training'),
      predictions: bucket('predictions'),
    };
    this.databaseIdentifier = resourceName(63, project, environment, 'mlflow');
    this.registry = `${accountId}.dkr.ecr.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
    this.tags = { project, environment, 'managed-by': 'cdk8s-mlops' };
  }

  /** Folder for artifacts of registered versions: `modelStore` of the platform. */
  public get modelStore(): string {
    return `s3://${this.buckets.models}`;
  }

  /** Folder for prediction logs: `predictionStore` of the platform. */
  public get predictionStore(): string {
    return `s3://${this.buckets.predictions}/${STORAGE_FOLDERS.logs}`;
  }

  /** Folder for the workspaces of training runs. */
  public get trainingStore(): string {
    return `s3://${this.buckets.training}/${STORAGE_FOLDERS.runs}`;
  }

  /** Folder for reports of drift checks. */
  public get reportsUri(): string {
    return `s3://${this.buckets.predictions}/${STORAGE_FOLDERS.reports}`;
  }

  /** Folder for what MLflow keeps: `artifactsDestination` of its server. */
  public get artifactsDestination(): string {
    return `s3://${this.buckets.artifacts}/${STORAGE_FOLDERS.artifacts}`;
  }

  /** Names of the image repositories that the loop itself needs. */
  public get loopRepositories(): readonly string[] {
    return LOOP_IMAGES.map((image) => this.repository(image));
  }

  /**
   * Name of an image repository of the environment.
   *
   * @param image what is in it, for example `training`
   */
  public repository(image: string): string {
    return `${resourceName(128, this.project, this.environment)}/${image}`;
  }

  /**
   * Reference of an image in the environment's registry.
   *
   * @param image what it is, for example `training`
   * @param tag which build of it
   */
  public image(image: string, tag: string): string {
    return `${this.registry}/${this.repository(image)}:${tag}`;
  }

  /**
   * The images of the loop's own containers in the environment's registry.
   *
   * @param tag which build of them
   * @throws ValidationError when the tag is none.
   */
  public images(tag: string): ContainerImages {
    return ContainerImages.fromReferences({
      driftChecker: this.image('drift-checker', tag),
      gateEvaluator: this.image('gate-evaluator', tag),
    });
  }

  /**
   * ARN of the role that a service account of the namespace gets: for the annotation `eks.amazonaws.com/role-arn` where identities
   * are IRSA. Pod Identity needs no annotation.
   */
  public roleArn(serviceAccountName: string): string {
    const name = workloadRoleName(this.clusterName, this.namespace, serviceAccountName);
    return `arn:${partitionOf(this.region)}:iam::${this.accountId}:role/${name}`;
  }

  private check(): void {
    const problems = new Problems(`AwsEnvironment '${this.project}-${this.environment}'`);
    for (const name of ['project', 'environment', 'namespace'] as const) {
      problems.check(name, this[name], dnsLabelProblem(this[name]));
    }
    // https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html: what S3 keeps for itself
    if (/^(xn--|sthree-|amzn-s3-demo-)/.test(this.project)) {
      problems.add('project', this.project, 'begins as S3 keeps for itself, and names of buckets begin with it');
    }
    if (!/^[a-z]{2}(-[a-z]+)+-\d$/.test(this.region)) {
      problems.add('region', this.region, "must be a region of AWS, for example 'eu-central-1'");
    }
    if (!/^\d{12}$/.test(this.accountId)) {
      problems.add('accountId', this.accountId, 'must be the twelve digits of an account, in quotes: zeros may lead');
    }
    if (!isEksClusterName(this.clusterName)) {
      problems.add('clusterName', this.clusterName, 'must be a name of at most 100 letters, digits, - and _');
    }
    problems.throwIfAny();
  }
}

/** The partition of AWS that a region is in: the second part of every ARN. */
export function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn';
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws';
}
