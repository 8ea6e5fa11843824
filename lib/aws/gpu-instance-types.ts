/**
 * Families of EC2 instances with NVIDIA GPUs.
 *
 * @see https://docs.aws.amazon.com/dlami/latest/devguide/gpu.html
 */
const FAMILIES = [
  ...['g4dn', 'g5', 'g5g', 'g6', 'g6e', 'g6f', 'gr6', 'gr6f', 'g7e'],
  ...['p3', 'p3dn', 'p4d', 'p4de', 'p5', 'p5e', 'p5en', 'p6-b200', 'p6-b300', 'p6e-gb200'],
];

/** Families whose processors are Graviton: they need an image for ARM. */
const ARM_FAMILIES = ['g5g', 'p6e-gb200'];

const INSTANCE_TYPE = /^[a-z0-9-]+\.[a-z0-9-]+$/;

const familyOf = (instanceType: string): string => instanceType.split('.')[0] ?? '';

/** What is wrong with an instance type of a GPU node group, or undefined. */
export function gpuInstanceTypeProblem(instanceType: string): string | undefined {
  if (!INSTANCE_TYPE.test(instanceType)) return "must be an instance type, for example 'g5.2xlarge'";
  return FAMILIES.includes(familyOf(instanceType))
    ? undefined
    : `carries no NVIDIA GPU that this version knows; the families are ${FAMILIES.join(', ')}`;
}

/** Whether the processors of an instance type are ARM. */
export function isArm(instanceType: string): boolean {
  return ARM_FAMILIES.includes(familyOf(instanceType));
}
