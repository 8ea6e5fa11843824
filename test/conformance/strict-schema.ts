/** A JSON schema as CRDs and Kubernetes' OpenAPI document write it. */
export type Schema = Readonly<Record<string, unknown>>;

const isSchema = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function mapValues(schemas: unknown, change: (schema: Schema) => Schema): unknown {
  if (!isSchema(schemas)) return schemas;
  return Object.fromEntries(
    Object.entries(schemas).map(([key, value]) => [key, isSchema(value) ? change(value) : value]),
  );
}

/**
 * The schema with every object closed that lists its properties: the API server prunes unknown fields silently, so a
 * misspelt one would be accepted and do nothing.
 *
 * Branches (`anyOf`, `not`, ...) only add conditions to the structure around them and are left as they are.
 */
export function strict(schema: Schema): Schema {
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const { properties, items, additionalProperties } = schema;
  return {
    ...schema,
    ...(isSchema(properties) ? { properties: mapValues(properties, strict) } : {}),
    ...(isSchema(items) ? { items: strict(items) } : {}),
    ...(isSchema(additionalProperties) ? { additionalProperties: strict(additionalProperties) } : {}),
    ...(isSchema(properties) && additionalProperties === undefined && !open ? { additionalProperties: false } : {}),
  };
}

// OpenAPI v2 has no type for these, and says "string" for both.
const EITHER: Readonly<Record<string, Schema>> = {
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { type: ['integer', 'string'] },
  'io.k8s.apimachinery.pkg.api.resource.Quantity': {
    type: ['number', 'string'],
    pattern: '^[+-]?(\\d+(\\.\\d*)?|\\.\\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\\d+)?$',
  },
};

// The OpenAPI document has no enums for these fields; the values are those of the API reference.
const ENUMS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'io.k8s.api.core.v1.PodSpec': {
    restartPolicy: ['Always', 'OnFailure', 'Never'],
    dnsPolicy: ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'],
  },
  'io.k8s.api.core.v1.Container': { imagePullPolicy: ['Always', 'IfNotPresent', 'Never'] },
  'io.k8s.api.core.v1.Toleration': {
    operator: ['Exists', 'Equal'],
    effect: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'],
  },
  'io.k8s.api.core.v1.ServicePort': { protocol: ['TCP', 'UDP', 'SCTP'] },
  'io.k8s.api.core.v1.ServiceSpec': { type: ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'] },
  'io.k8s.api.batch.v1.CronJobSpec': { concurrencyPolicy: ['Allow', 'Forbid', 'Replace'] },
  'io.k8s.api.batch.v1.PodFailurePolicyRule': { action: ['FailIndex', 'FailJob', 'Ignore', 'Count'] },
  'io.k8s.api.apps.v1.DeploymentStrategy': { type: ['Recreate', 'RollingUpdate'] },
  'io.k8s.api.networking.v1.NetworkPolicyPort': { protocol: ['TCP', 'UDP', 'SCTP'] },
};

/** All definitions of an OpenAPI document, strict, with the types and enums that OpenAPI v2 cannot say. */
export function strictDefinitions(definitions: Readonly<Record<string, Schema>>): Record<string, Schema> {
  return Object.fromEntries(
    Object.entries(definitions).map(([name, definition]) => {
      const either = EITHER[name];
      if (either) return [name, either];
      const closed = strict(definition);
      const enums = ENUMS[name];
      if (!enums) return [name, closed];
      const properties = closed['properties'] as Record<string, Schema>;
      const limited = Object.entries(enums).map(([field, values]) => {
        if (!properties[field]) throw new Error(`${name} has no field ${field}: mend the table of enums`);
        return [field, { ...properties[field], enum: values }];
      });
      return [name, { ...closed, properties: { ...properties, ...Object.fromEntries(limited) } }];
    }),
  );
}
