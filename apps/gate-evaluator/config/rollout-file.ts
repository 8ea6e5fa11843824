import * as z from 'zod';
import {
  type KubernetesManifest,
  ROLLOUT_FILE_VERSION,
  type RolloutEngine,
  type RolloutFile,
  type RolloutStep,
  type RolloutWorkload,
} from 'cdk8s-mlops/contract';
import { readYamlFile } from '../../common/yaml-file';

const text = z.string().min(1);
const count = z.int().positive();
const seconds = z.int().nonnegative();
const percent = z.number().min(0).max(100);
const address = z.url({ protocol: /^https?$/, error: 'expected an address that begins with http:// or https://' });
// What every command takes for a registry: a directory is one for trials.
const registry = z
  .string()
  .regex(
    /^(https?:\/\/[^/]|file:|[^:]+$)/,
    'expected the address of a tracking server (http:// or https://) or a directory',
  );
const texts = z.record(z.string(), z.string()).optional();

const manifest: z.ZodType<KubernetesManifest> = z.looseObject({
  apiVersion: text,
  kind: text,
  metadata: z.looseObject({ name: text, namespace: text, labels: texts, annotations: texts }),
  spec: z.record(z.string(), z.unknown()),
});

const workload: z.ZodType<RolloutWorkload> = z.strictObject({
  kind: z.enum(['Deployment', 'Rollout', 'InferenceService']),
  name: text,
  readySeconds: count,
});

const step: z.ZodType<RolloutStep> = z
  .strictObject({
    kind: z.enum(['shadow', 'weight', 'update']),
    percent: percent.optional(),
    pauseSeconds: seconds,
    judged: z.boolean(),
  })
  .refine((given) => (given.kind === 'update') === (given.percent === undefined), {
    error: "'shadow' and 'weight' need 'percent', and 'update' has none",
  });

const check = z
  .strictObject({
    name: text,
    query: text,
    atMost: z.number().optional(),
    atLeast: z.number().optional(),
    summary: text,
  })
  .refine(({ atMost, atLeast }) => atMost !== undefined || atLeast !== undefined, {
    error: "needs 'atMost', 'atLeast' or both: it would pass with any value",
  });

/** What serves the stable version of an engine. */
const STABLE_WORKLOADS: Readonly<Record<RolloutEngine, RolloutWorkload['kind']>> = {
  'kserve-standard': 'Deployment',
  'kserve-knative': 'InferenceService',
  deployment: 'Deployment',
  'argo-rollouts': 'Rollout',
};

/** The roll-out file, as the constructs render it. */
export const ROLLOUT_FILE: z.ZodType<RolloutFile> = z
  .strictObject({
    version: z.literal(ROLLOUT_FILE_VERSION),
    model: text,
    namespace: text,
    engine: z.enum(['kserve-standard', 'kserve-knative', 'deployment', 'argo-rollouts']),
    registry,
    prometheus: address,
    steps: z.array(step),
    analysis: z.strictObject({
      windowSeconds: count,
      intervalSeconds: count,
      holdSeconds: seconds,
      requests: z.strictObject({ query: text, atLeast: count }),
      checks: z.array(check),
    }),
    stable: z.strictObject({ manifest, workload }),
    candidate: z.strictObject({ manifests: z.array(manifest).min(1), workload }).optional(),
    routes: z.array(
      z.strictObject({
        manifest,
        stableService: text,
        candidateService: text,
        port: count.max(65_535),
      }),
    ),
  })
  .superRefine((file, context) => {
    for (const { path, message } of inconsistencies(file)) context.addIssue({ code: 'custom', path, message });
  });

/** Name of the check that the candidate got enough requests. */
export const REQUESTS_CHECK = 'requests';

/** What each part allows, and the parts together do not. */
function* inconsistencies({
  engine,
  steps,
  analysis,
  stable,
  candidate,
  routes,
}: RolloutFile): Generator<{ path: (string | number)[]; message: string }> {
  const expected = STABLE_WORKLOADS[engine];
  if (stable.workload.kind !== expected)
    yield { path: ['stable', 'workload', 'kind'], message: `expected ${expected} for the engine ${engine}` };
  for (const [index, { kind }] of steps.entries()) {
    if (kind === 'shadow' && !candidate)
      yield { path: ['steps', index, 'kind'], message: "needs a 'candidate' that gets a copy of the traffic" };
    if (kind === 'weight' && !candidate && engine !== 'kserve-knative')
      yield { path: ['steps', index, 'kind'], message: "needs a 'candidate' that gets a share of the traffic" };
    if (kind !== 'update' && candidate && routes.length === 0)
      yield { path: ['steps', index, 'kind'], message: "needs one of 'routes' that gives the candidate its traffic" };
  }
  const names = new Set([REQUESTS_CHECK]);
  for (const [index, { name }] of analysis.checks.entries()) {
    if (names.has(name)) yield { path: ['analysis', 'checks', index, 'name'], message: 'is the name of another check' };
    names.add(name);
  }
  if (analysis.checks.length === 0 && steps.some(({ judged }) => judged))
    yield { path: ['analysis', 'checks'], message: 'a step is judged: expected at least one check' };
}

/** @throws Failure with file, line and column of everything that is wrong */
export function readRolloutFile(path: string): Promise<RolloutFile> {
  return readYamlFile(path, 'the roll-out file', ROLLOUT_FILE);
}
