import { ApiObject, type ApiObjectMetadata, type GroupVersionKind } from 'cdk8s';
import { k8s } from 'cdk8s-plus-29';
import { type Construct } from 'constructs';
import { plain } from './plain';

/*
 * Thin L1s of Argo Events 1.9: only the fields that we render.
 * https://argoproj.github.io/argo-events/APIs/
 */

/** What a container that the controllers make gets. */
export interface EventsContainer {
  readonly securityContext: k8s.SecurityContext;
  readonly resources: k8s.ResourceRequirements;
}

/** What the pods that the controllers make have in common. */
export interface EventsPod {
  readonly metadata: { readonly labels: Record<string, string> };
  readonly serviceAccountName: string;
  readonly securityContext: k8s.PodSecurityContext;
  readonly imagePullSecrets?: readonly { readonly name: string }[];
}

export interface EventBusProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: {
    readonly jetstream: EventsPod & {
      readonly version: string;
      readonly replicas: number;
      readonly persistence: { readonly volumeSize: string; readonly storageClassName?: string };
      /** YAML; merged over what the controller is configured with. */
      readonly streamConfig?: string;
      readonly affinity?: k8s.Affinity;
      readonly containerTemplate: EventsContainer;
      readonly reloaderContainerTemplate: EventsContainer;
      readonly metricsContainerTemplate: EventsContainer;
    };
  };
}

/** What carries events from sources to sensors. */
export class EventBus extends ApiObject {
  public static readonly GVK: GroupVersionKind = { apiVersion: 'argoproj.io/v1alpha1', kind: 'EventBus' };

  constructor(scope: Construct, id: string, { metadata, spec }: EventBusProps) {
    const { jetstream } = spec;
    const { containerTemplate, reloaderContainerTemplate, metricsContainerTemplate } = jetstream;
    super(scope, id, {
      ...EventBus.GVK,
      metadata,
      spec: {
        jetstream: {
          ...jetstream,
          containerTemplate: container(containerTemplate),
          reloaderContainerTemplate: container(reloaderContainerTemplate),
          metricsContainerTemplate: container(metricsContainerTemplate),
        },
      },
    });
  }
}

export interface EventSourceProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: {
    readonly eventBusName: string;
    readonly service: {
      readonly ports: readonly { readonly name: string; readonly port: number; readonly targetPort: number }[];
    };
    readonly template: EventsPod & { readonly container: EventsContainer };
    readonly webhook: Record<
      string,
      {
        readonly port: string;
        readonly endpoint: string;
        readonly method: string;
        readonly authSecret: { readonly name: string; readonly key: string };
      }
    >;
  };
}

/** Where events come in. The controller calls its Service `<name>-eventsource-svc`. */
export class EventSource extends ApiObject {
  public static readonly GVK: GroupVersionKind = { apiVersion: 'argoproj.io/v1alpha1', kind: 'EventSource' };

  constructor(scope: Construct, id: string, { metadata, spec }: EventSourceProps) {
    super(scope, id, { ...EventSource.GVK, metadata, spec: { ...spec, template: pod(spec.template) } });
  }
}

export interface SensorDataFilter {
  readonly path: string;
  readonly type: 'string';
  /** One of them must be met. */
  readonly value: readonly string[];
}

export interface SensorParameter {
  readonly src: {
    readonly dependencyName: string;
    readonly dataTemplate?: string;
    readonly contextTemplate?: string;
  };
  readonly dest: string;
  readonly operation?: 'append' | 'prepend' | 'overwrite';
}

export interface SensorTrigger {
  readonly atLeastOnce: boolean;
  readonly retryStrategy: {
    readonly steps: number;
    readonly duration: string;
    readonly factor: number;
    readonly jitter: number;
  };
  readonly template: {
    readonly name: string;
    readonly k8s: {
      readonly operation: 'create';
      readonly source: { readonly resource: object };
      readonly parameters: readonly SensorParameter[];
    };
  };
}

export interface SensorProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: {
    readonly eventBusName: string;
    readonly template: EventsPod & { readonly container: EventsContainer };
    readonly dependencies: readonly {
      readonly name: string;
      readonly eventSourceName: string;
      readonly eventName: string;
      readonly filters: { readonly data: readonly SensorDataFilter[] };
    }[];
    readonly triggers: readonly SensorTrigger[];
  };
}

/** What is done about events. */
export class Sensor extends ApiObject {
  public static readonly GVK: GroupVersionKind = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Sensor' };

  constructor(scope: Construct, id: string, { metadata, spec }: SensorProps) {
    super(scope, id, { ...Sensor.GVK, metadata, spec: { ...spec, template: pod(spec.template) } });
  }
}

function pod({ container: main, ...template }: EventsPod & { readonly container: EventsContainer }): object {
  return { ...template, container: container(main) };
}

/** Quantities are typed as cdk8s-plus types them, and have to be rendered as it renders them. */
function container({ securityContext, resources }: EventsContainer): object {
  return { securityContext, resources: plain(k8s.toJson_ResourceRequirements(resources) ?? {}) };
}
