/**
 * Instance types of EC2 with NVIDIA GPUs: family, then sizes by how many GPUs they have. `g6f` and `gr6f` have a share of one GPU,
 * which is offered as one. `g7` is missing: its driver is newer than the one of the images for EKS.
 *
 * @see https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html
 * @see https://github.com/awslabs/amazon-eks-ami/blob/main/doc/usage/g7-ami.md
 */
const GPUS: Readonly<Record<string, Readonly<Record<number, readonly string[]>>>> = {
  g4dn: { 1: ['xlarge', '2xlarge', '4xlarge', '8xlarge', '16xlarge'], 4: ['12xlarge'], 8: ['metal'] },
  g5: { 1: ['xlarge', '2xlarge', '4xlarge', '8xlarge', '16xlarge'], 4: ['12xlarge', '24xlarge'], 8: ['48xlarge'] },
  g5g: { 1: ['xlarge', '2xlarge', '4xlarge', '8xlarge'], 2: ['16xlarge', 'metal'] },
  g6: { 1: ['xlarge', '2xlarge', '4xlarge', '8xlarge', '16xlarge'], 4: ['12xlarge', '24xlarge'], 8: ['48xlarge'] },
  g6e: { 1: ['xlarge', '2xlarge', '4xlarge', '8xlarge', '16xlarge'], 4: ['12xlarge', '24xlarge'], 8: ['48xlarge'] },
  g6f: { 1: ['large', 'xlarge', '2xlarge', '4xlarge'] },
  g7e: { 1: ['2xlarge', '4xlarge', '8xlarge'], 2: ['12xlarge'], 4: ['24xlarge'], 8: ['48xlarge'] },
  gr6: { 1: ['4xlarge', '8xlarge'] },
  gr6f: { 1: ['4xlarge'] },
  p3: { 1: ['2xlarge'], 4: ['8xlarge'], 8: ['16xlarge'] },
  p3dn: { 8: ['24xlarge'] },
  p4d: { 8: ['24xlarge'] },
  p4de: { 8: ['24xlarge'] },
  p5: { 1: ['4xlarge'], 8: ['48xlarge'] },
  p5e: { 8: ['48xlarge'] },
  p5en: { 8: ['48xlarge'] },
  'p6-b200': { 8: ['48xlarge'] },
  'p6-b300': { 8: ['48xlarge'] },
  'p6e-gb200': { 4: ['36xlarge'] },
};

/** Families whose processors are Graviton or Grace: they need an image for ARM. */
const ARM_FAMILIES = ['g5g', 'p6e-gb200'];

const INSTANCE_TYPE = /^[a-z0-9-]+\.[a-z0-9-]+$/;

function parts(instanceType: string): { readonly family: string; readonly size: string } {
  const [family = '', size = ''] = instanceType.split('.');
  return { family, size };
}

/** How many GPUs an instance type has, or undefined when it is none that is known. */
export function gpuCount(instanceType: string): number | undefined {
  const { family, size } = parts(instanceType);
  const counts = Object.hasOwn(GPUS, family) ? Object.entries(GPUS[family] ?? {}) : [];
  const found = counts.find(([, sizes]) => sizes.includes(size));
  return found && Number(found[0]);
}

/** What is wrong with an instance type of a pool whose nodes have `gpusPerNode` GPUs, or undefined. */
export function gpuInstanceTypeProblem(instanceType: string, gpusPerNode: number): string | undefined {
  if (!INSTANCE_TYPE.test(instanceType)) return "must be an instance type, for example 'g5.2xlarge'";
  const { family } = parts(instanceType);
  if (!Object.hasOwn(GPUS, family)) {
    return `carries no NVIDIA GPU that this version knows; the families are ${Object.keys(GPUS).join(', ')}`;
  }
  const count = gpuCount(instanceType);
  if (count === undefined) {
    const sizes = Object.values(GPUS[family] ?? {}).flat();
    return `is of no size of ${family} that this version knows; they are ${sizes.join(', ')}`;
  }
  // Of a pool without GPUs one problem is enough.
  if (gpusPerNode === 0 || count === gpusPerNode) return undefined;
  return `has ${count} ${count === 1 ? 'GPU' : 'GPUs'}, and nodes of the pool have ${gpusPerNode}`;
}

/** Whether the processors of an instance type are ARM. */
export function isArm(instanceType: string): boolean {
  return ARM_FAMILIES.includes(parts(instanceType).family);
}

/** What is wrong with the instance types of one pool taken together, or undefined. */
export function instanceTypesProblem(instanceTypes: readonly string[]): string | undefined {
  if (instanceTypes.length === 0) return 'must name at least one type';
  if (new Set(instanceTypes).size < instanceTypes.length) return 'must not name a type twice';
  return new Set(instanceTypes.map(isArm)).size > 1
    ? 'must not mix x86 and ARM: they need different images'
    : undefined;
}
