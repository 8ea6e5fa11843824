import { ApiObject } from 'cdk8s';
import { Problems } from '../validation/problems';
import { type MlPlatformStack } from './ml-platform-stack';
import { type MlPlatformStackProps } from './ml-platform-stack-props';

/**
 * What the parts cannot see by themselves. What is wrong with a part, the part says.
 *
 * @throws ValidationError listing everything that is wrong.
 */
export function checkMlPlatformStack(stack: MlPlatformStack, props: MlPlatformStackProps): void {
  const problems = Problems.of(stack);
  const { environment, platform, gpuNodes = [], images = [] } = props;
  checkOthers(stack, problems);
  if (platform.namespace !== environment.namespace) {
    const remedy = `give both halves the same AwsEnvironment, whose namespace is '${environment.namespace}'`;
    problems.add('platform.namespace', platform.namespace, `is not that of the environment: ${remedy}`);
  }
  if (platform.objectAccess.length === 0) {
    problems.addText(
      "'platform' has nothing that works with objects: make the stack after the constructs of its models",
    );
  }
  const pools = gpuNodes.map(({ pool }) => pool.name);
  if (new Set(pools).size < pools.length) problems.add('gpuNodes', pools, 'must not have a pool twice');
  if (props.usesKarpenter === true) {
    if (gpuNodes.length > 0) {
      const remedy = "render them as 'KarpenterGpuPool' with the manifests";
      problems.add(
        'gpuNodes',
        pools,
        `would keep their sizes, because Karpenter does not change managed groups: ${remedy}`,
      );
    }
    if (props.addons?.nodeScaling) {
      problems.addText("'addons.nodeScaling' is Karpenter where 'usesKarpenter' is true: leave one of them out");
    }
  }
  if (props.makesDatabase === false && props.database) {
    problems.addText("'database' is given and 'makesDatabase' is false: leave one of them out");
  }
  if (props.usesIrsa === true) checkAnnotations(props, problems);
  const isName = /^[a-z0-9]+([._-][a-z0-9]+)*$/;
  for (const image of images) {
    if (!isName.test(image)) problems.add('images', image, "must be a name as 'training', without registry and tag");
  }
  problems.throwIfAny();
}

/** Two environments that are called the same would overwrite each other's resources, or each other's state. */
function checkOthers(stack: MlPlatformStack, problems: Problems): void {
  const { environment } = stack;
  const isStack = (each: object): each is MlPlatformStack => each !== stack && each instanceof stack.constructor;
  for (const other of stack.node.root.node.findAll().filter(isStack)) {
    const at = `as '${other.node.path}'`;
    const { project, accountId, region } = other.environment;
    const isHere = accountId === environment.accountId;
    if (isHere && project === environment.project && other.environment.environment === environment.environment) {
      problems.add('environment', environment.environment, `is called ${at}, in one account: call it something else`);
    } else if (
      isHere &&
      stack._ownsCluster &&
      other._ownsCluster &&
      region === environment.region &&
      other.environment.clusterName === environment.clusterName
    ) {
      problems.add('environment.clusterName', environment.clusterName, `is the cluster ${at}: give it another name`);
    }
    if (stack._statePlace !== undefined && stack._statePlace === other._statePlace) {
      problems.add('state', stack._statePlace, `is the state ${at} too: give it another key`);
    }
  }
}

const ROLE_ANNOTATION = 'eks.amazonaws.com/role-arn';

/** With IRSA an account without the annotation has no role, and its pods are refused by S3 when they run. */
function checkAnnotations({ environment, platform }: MlPlatformStackProps, problems: Problems): void {
  const accounts = new Map<string, string | undefined>();
  for (const each of platform.node.root.node.findAll()) {
    if (!(each instanceof ApiObject) || each.kind !== 'ServiceAccount') continue;
    if (each.metadata.namespace !== platform.namespace) continue;
    const { annotations } = each.metadata.toJson() as { annotations?: Record<string, string> };
    accounts.set(each.name, annotations?.[ROLE_ANNOTATION]);
  }
  for (const name of new Set(platform.objectAccess.map(({ serviceAccountName }) => serviceAccountName))) {
    const [expected, annotation] = [environment.roleArn(name), accounts.get(name)];
    if (!accounts.has(name) || annotation === expected) continue;
    const remedy = "set 'serviceAccountAnnotations' of what renders it";
    problems.add(
      `ServiceAccount ${name}`,
      annotation,
      `must have the annotation ${ROLE_ANNOTATION}: ${expected}; ${remedy}`,
    );
  }
}
