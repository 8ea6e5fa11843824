import { NodePool } from 'cdk8s-mlops';
import { problemsOf } from '../support/synth';

test('a GPU pool is tainted, a CPU pool is not', () => {
  expect(NodePool.gpu('a10g', { gpusPerNode: 4 })).toMatchObject({
    name: 'a10g',
    gpusPerNode: 4,
    spot: false,
    labels: { 'cdk8s-mlops.dev/node-pool': 'a10g' },
    taints: [{ key: 'nvidia.com/gpu', value: 'present', effect: 'NoSchedule' }],
  });
  expect(NodePool.cpu('batch')).toMatchObject({ gpusPerNode: 0, taints: [], spot: false });
});

test('takes labels, taints and size that are given', () => {
  const taints = [{ key: 'team', value: 'ml', effect: 'NoExecute' as const }];
  const pool = NodePool.cpu('batch', { labels: { team: 'ml' }, taints, spot: true, cpu: '8', memory: '32Gi' });
  expect(pool).toMatchObject({ labels: { team: 'ml' }, taints, spot: true, cpu: '8', memory: '32Gi' });
});

test('bad options are all reported', () => {
  const options = {
    gpusPerNode: 0,
    labels: { 'a/b/c': 'x y' },
    taints: [{ key: '', value: 'x y', effect: 'NoSchedule' as const }],
    cpu: 'x',
    memory: '1GB',
  };
  expect(problemsOf(() => NodePool.gpu('Pool', options))).toHaveLength(8);
  expect(problemsOf(() => NodePool.cpu('batch', { labels: {} }))[0]).toMatch(/could not be kept to the pool/);
});

test('may say how many nodes it has at most', () => {
  expect(NodePool.cpu('batch').maxNodes).toBeUndefined();
  expect(NodePool.gpu('a10g', { gpusPerNode: 1, maxNodes: 3 }).maxNodes).toBe(3);
  for (const maxNodes of [0, 1.5, -1])
    expect(problemsOf(() => NodePool.cpu('batch', { maxNodes }))).toEqual([
      `'maxNodes' (${maxNodes}) must be a whole number from 1 on`,
    ]);
});

test('may fall back on capacity that is not reclaimed', () => {
  const capacity = (options: { spot?: boolean; onDemandFallback?: boolean }): readonly string[] =>
    NodePool.cpu('batch', options)._capacityTypes;
  expect(NodePool.cpu('batch').onDemandFallback).toBe(false);
  expect(NodePool.cpu('batch', { spot: true, onDemandFallback: true }).onDemandFallback).toBe(true);
  expect(capacity({})).toEqual(['on-demand']);
  expect(capacity({ spot: true })).toEqual(['spot']);
  expect(capacity({ spot: true, onDemandFallback: true })).toEqual(['spot', 'on-demand']);
  expect(problemsOf(() => capacity({ onDemandFallback: true }))).toEqual([
    "'onDemandFallback' (true) has no effect without 'spot': all nodes are on demand",
  ]);
});
