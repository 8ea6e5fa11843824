import { type k8s } from 'cdk8s-plus-29';
import { type KubernetesManifest, type RolloutFile } from '../contract';

/** Resources of the kinds that a roll-out touches. */
const RESOURCES: Readonly<Record<string, string>> = {
  InferenceService: 'inferenceservices',
  HTTPRoute: 'httproutes',
  Deployment: 'deployments',
  Service: 'services',
  Rollout: 'rollouts',
};

/**
 * What a roll-out may do, by name of the object and nothing else. Server-side apply asks for `create` with the object's name, so that also this
 * can be limited.
 */
export function rolloutRules({ stable, candidate, routes }: RolloutFile): k8s.PolicyRule[] {
  const named = ({ kind, apiVersion, metadata }: KubernetesManifest, ...verbs: string[]): k8s.PolicyRule => ({
    ...{ apiGroups: [groupOf(apiVersion)], resources: [RESOURCES[kind]!], resourceNames: [metadata.name], verbs },
  });
  const written = [stable.manifest, ...(candidate?.manifests ?? [])];
  // Deployments that KServe makes of what is written.
  const workloads = [stable.workload, ...(candidate ? [candidate.workload] : [])].filter(
    ({ kind, name }) =>
      kind === 'Deployment' && !written.some((each) => each.kind === kind && each.metadata.name === name),
  );
  const isKnative = stable.workload.kind === 'InferenceService';
  return [
    named(stable.manifest, 'get', 'patch'),
    ...(candidate?.manifests ?? []).map((manifest) => named(manifest, 'get', 'patch', 'create', 'delete')),
    ...routes.map(({ manifest }) => named(manifest, 'get', 'patch')),
    ...(workloads.length > 0
      ? [
          {
            ...{ apiGroups: ['apps'], resources: ['deployments'], verbs: ['get'] },
            resourceNames: workloads.map(({ name }) => name),
          },
        ]
      : []),
    // On the way back to a version that was judged before, the steps are skipped.
    ...(stable.workload.kind === 'Rollout'
      ? [
          {
            ...{ apiGroups: ['argoproj.io'], resources: ['rollouts/status'], verbs: ['patch'] },
            resourceNames: [stable.workload.name],
          },
        ]
      : []),
    // Names of revisions are made up by Knative.
    ...(isKnative ? [{ apiGroups: ['serving.knative.dev'], resources: ['revisions'], verbs: ['get'] }] : []),
  ];
}

const groupOf = (apiVersion: string): string => (apiVersion.includes('/') ? apiVersion.split('/')[0]! : '');
