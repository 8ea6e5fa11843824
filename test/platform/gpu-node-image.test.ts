import { GpuNodeImage, type MlModelPlatform } from 'cdk8s-mlops';
import { gpuCount, gpuInstanceTypeProblem, instanceTypesProblem, isArm } from '../../lib/platform/gpu-instance-types';
import { IMAGES, newChart, newPlatform, problemsOf, rendered } from '../support/synth';

const kinds = (image: GpuNodeImage): string[] => {
  const chart = newChart();
  const platform: MlModelPlatform = newPlatform(chart, { images: IMAGES, gpu: image.devicePlugin() });
  expect(platform.rendersDevicePlugin).toBe(!image.bringsDevicePlugin);
  return rendered(chart).map(({ kind }) => kind);
};

test('the device plugin is rendered for the image that does not bring it, and for no other', () => {
  expect(kinds(GpuNodeImage.al2023())).toContain('DaemonSet');
  expect(kinds(GpuNodeImage.bottlerocket())).not.toContain('DaemonSet');
});

test('options of the device plugin reach it', () => {
  const plugin = GpuNodeImage.al2023().devicePlugin({ timeSlicingReplicas: 4 });
  expect(plugin._daemonSet).toMatchObject({ timeSlicingReplicas: 4 });
});

test.each([
  [GpuNodeImage.al2023({ release: '1.36.4-20260923' }), 'al2023@v20260923', '1.36'],
  [GpuNodeImage.bottlerocket({ release: '1.63.0-5d9ac849' }), 'bottlerocket@v1.63.0', undefined],
  [GpuNodeImage.al2023(), undefined, undefined],
  [GpuNodeImage.bottlerocket(), undefined, undefined],
])('a release has a name with Karpenter, and may be for one Kubernetes version', (image, alias, version) => {
  expect([image._alias, image._kubernetesVersion]).toEqual([alias, version]);
});

test.each(['latest', '20261005', '1.37-20261005', '1.37.1-261005', ''])('%j is no release of AL2023', (release) => {
  expect(problemsOf(() => GpuNodeImage.al2023({ release }))).toEqual([
    `'release' ('${release}') must be '<Kubernetes version>-<date>', for example '1.36.4-20260923'`,
  ]);
});

test.each(['latest', '1.63.0', 'v1.63.0-5d9ac849', '1.63-5d9ac849', ''])(
  '%j is no release of Bottlerocket',
  (release) => {
    expect(problemsOf(() => GpuNodeImage.bottlerocket({ release }))).toEqual([
      `'release' ('${release}') must be '<version>-<commit>', for example '1.63.0-5d9ac849'`,
    ]);
  },
);

describe('instance types', () => {
  test.each([
    ['g4dn.xlarge', 1],
    ['g4dn.16xlarge', 1],
    ['g4dn.12xlarge', 4],
    ['g4dn.metal', 8],
    ['g5.24xlarge', 4],
    ['g5.48xlarge', 8],
    ['g5g.16xlarge', 2],
    ['g6e.16xlarge', 1],
    ['g7e.12xlarge', 2],
    ['gr6.8xlarge', 1],
    ['p3.8xlarge', 4],
    ['p4d.24xlarge', 8],
    ['p5.4xlarge', 1],
    ['p6-b200.48xlarge', 8],
    ['p6e-gb200.36xlarge', 4],
    ['m7i.large', undefined],
    ['g5.large', undefined],
    ['g5', undefined],
    ['g4ad.xlarge', undefined],
    ['toString.xlarge', undefined],
  ])('%s has %s GPUs', (type, count) => {
    expect(gpuCount(type)).toBe(count);
  });

  test('only those fit a pool that have as many GPUs as its nodes', () => {
    expect(gpuInstanceTypeProblem('g5.xlarge', 1)).toBeUndefined();
    expect(gpuInstanceTypeProblem('g5.xlarge', 4)).toBe('has 1 GPU, and nodes of the pool have 4');
    expect(gpuInstanceTypeProblem('trn1.2xlarge', 1)).toContain('carries no NVIDIA GPU');
    expect(gpuInstanceTypeProblem('G5.xlarge', 1)).toBe("must be an instance type, for example 'g5.2xlarge'");
  });

  test('and those that share an image', () => {
    expect([isArm('g5g.xlarge'), isArm('p6e-gb200.36xlarge'), isArm('g5.xlarge')]).toEqual([true, true, false]);
    expect(instanceTypesProblem(['g5.xlarge', 'g6.xlarge'])).toBeUndefined();
    expect(instanceTypesProblem(['g5.xlarge', 'g5g.xlarge'])).toContain('must not mix x86 and ARM');
  });
});
