import { Duration } from 'cdk8s';
import {
  GpuNodeImage,
  KarpenterConsolidation,
  KarpenterGpuPool,
  type KarpenterGpuPoolProps,
  NodePool,
} from 'cdk8s-mlops';
import { newChart, type Rendered, rendered } from '../support/synth';
import { ApiServer } from './api-server';
import { schemasDirectory } from './schemas';

/*
 * What Karpenter gets, before an API server that has its CustomResourceDefinitions: unknown fields are errors, and their rules (CEL)
 * are evaluated.
 */

let server: ApiServer;
beforeAll(async () => (server = await ApiServer.start(schemasDirectory())), 120_000);
afterAll(() => server?.stop());

const AL2023 = GpuNodeImage.al2023({ release: '1.37.1-20261005' });
const BOTTLEROCKET = GpuNodeImage.bottlerocket({ release: '1.63.0-5d9ac849' });

function objects(props: Partial<KarpenterGpuPoolProps> = {}): Rendered[] {
  const chart = newChart();
  const pool = NodePool.gpu('a10g', { gpusPerNode: 1, maxNodes: 4 });
  new KarpenterGpuPool(chart, 'gpu', {
    clusterName: 'acme',
    pool,
    instanceTypes: ['g5.xlarge'],
    image: AL2023,
    ...props,
  });
  return rendered(chart);
}

const everything: Required<KarpenterGpuPoolProps> = {
  clusterName: 'acme',
  pool: NodePool.gpu('all', {
    ...{ gpusPerNode: 2, maxNodes: 1, spot: true, onDemandFallback: true, labels: { 'acme.example/team': 'ml' } },
    taints: [
      { key: 'team', effect: 'NoExecute' },
      { key: 'empty', value: '', effect: 'PreferNoSchedule' },
    ],
  }),
  instanceTypes: ['g5g.16xlarge', 'g5g.metal'],
  image: BOTTLEROCKET,
  nodeRoleName: 'nodes',
  subnetTags: { tier: 'gpu', zone: '*' },
  securityGroupTags: { tier: 'nodes' },
  diskSizeGib: 16_384,
  consolidation: KarpenterConsolidation.BALANCED,
  consolidateAfter: Duration.seconds(0),
  expireAfter: Duration.hours(1),
  terminationGracePeriod: Duration.seconds(1),
  tags: { team: 'ml' },
};

test.each<[string, Partial<KarpenterGpuPoolProps>]>([
  ['what is rendered by default', {}],
  ['what is rendered from all props', everything],
  ['the smallest disk', { diskSizeGib: 50 }],
  ['spot capacity only', { pool: NodePool.gpu('spot', { gpusPerNode: 1, maxNodes: 1, spot: true }) }],
])('the API server takes %s', async (_, props) => {
  for (const object of objects(props)) {
    const { status, body } = await server.apply(object, { fieldManager: 'kubectl', force: true });
    expect(body.message ?? 'taken').toBe('taken');
    expect(status).toBeLessThan(300);
    await server.delete(object);
  }
});

test('and refuses what we refuse before it', async () => {
  const [nodeClass, nodePool] = [
    objects().find(({ kind }) => kind === 'EC2NodeClass'),
    objects().find(({ kind }) => kind === 'NodePool'),
  ];
  nodeClass.spec.amiSelectorTerms = [{ alias: '' }];
  nodeClass.spec.subnetSelectorTerms = [{ tags: { '': 'x' } }];
  nodePool.spec.template.metadata.labels['karpenter.sh/nodepool'] = 'x';
  const answers = [nodeClass, nodePool].map((object) => server.apply(object, { fieldManager: 'kubectl' }));
  const [ofClass, ofPool] = await Promise.all(answers);
  expect(ofClass!.body.message).toContain("'alias' is improperly formatted");
  expect(ofClass!.body.message).toContain("empty tag keys or values aren't supported");
  expect(ofPool!.body.message).toContain('label "karpenter.sh/nodepool" is restricted');
});
