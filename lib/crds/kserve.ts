import { ApiObject, type ApiObjectMetadata, type GroupVersionKind } from 'cdk8s';
import { k8s } from 'cdk8s-plus-29';
import { type Construct } from 'constructs';
import { type KubernetesManifest } from '../contract';
import { plain } from './plain';

/*
 * Thin L1s of KServe 0.20: only the fields that we render.
 * https://kserve.github.io/website/docs/reference/crd-api
 */

export interface KserveModel extends Omit<k8s.Container, 'name'> {
  readonly modelFormat: { readonly name: string; readonly version?: string };
  readonly runtime: string;
  readonly protocolVersion: string;
  readonly storageUri?: string;
}

/** Sends what the model is asked and answers to an address. */
export interface KserveLogger {
  readonly url: string;
  readonly mode: 'all' | 'request' | 'response';
  readonly metadataHeaders?: readonly string[];
  readonly metadataAnnotations?: readonly string[];
}

export interface KservePredictor {
  readonly minReplicas?: number;
  readonly maxReplicas?: number;
  readonly scaleMetric?: string;
  readonly scaleTarget?: number;
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext?: k8s.PodSecurityContext;
  readonly labels: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly nodeSelector?: Record<string, string>;
  readonly tolerations?: readonly k8s.Toleration[];
  readonly batcher?: { readonly maxBatchSize: number; readonly maxLatency: number };
  readonly logger?: KserveLogger;
  readonly imagePullSecrets?: readonly { readonly name: string }[];
  readonly volumes?: readonly k8s.Volume[];
  readonly model?: KserveModel;
  readonly storageUris?: readonly { readonly uri: string; readonly mountPath: string }[];
  readonly containers?: readonly k8s.Container[];
}

export interface InferenceServiceProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: { readonly predictor: KservePredictor };
}

/** A model behind one address, run by KServe. */
export class InferenceService extends ApiObject {
  public static readonly GVK: GroupVersionKind = { apiVersion: 'serving.kserve.io/v1beta1', kind: 'InferenceService' };

  constructor(scope: Construct, id: string, props: InferenceServiceProps) {
    super(scope, id, { ...InferenceService.GVK, metadata: props.metadata, spec: specToJson(props.spec) });
  }
}

/** The object as the API server takes it, for whoever writes it at another time. */
export function inferenceServiceManifest({ metadata, spec }: InferenceServiceProps): KubernetesManifest {
  return plain({ ...InferenceService.GVK, metadata, spec: specToJson(spec) });
}

function specToJson({ predictor }: InferenceServiceProps['spec']): object {
  return {
    predictor: {
      ...predictor,
      model: predictor.model && modelToJson(predictor.model),
      containers: predictor.containers?.map((container) => k8s.toJson_Container(container)),
      volumes: predictor.volumes?.map((volume) => k8s.toJson_Volume(volume)),
    },
  };
}

/** The model is a container, without a name, that knows more fields. */
function modelToJson({ modelFormat, runtime, protocolVersion, storageUri, ...container }: KserveModel): object {
  const { name: _name, ...rest } = k8s.toJson_Container({ ...container, name: '' }) as Record<string, unknown>;
  return { modelFormat, runtime, protocolVersion, storageUri, ...rest };
}

export interface ClusterStorageContainerProps {
  readonly metadata: ApiObjectMetadata;
  readonly spec: {
    readonly container: k8s.Container;
    readonly supportedUriFormats: readonly { readonly prefix?: string; readonly regex?: string }[];
    readonly workloadType: string;
  };
}

/** How KServe brings artifacts into pods. */
export class ClusterStorageContainer extends ApiObject {
  public static readonly GVK: GroupVersionKind = {
    apiVersion: 'serving.kserve.io/v1alpha1',
    kind: 'ClusterStorageContainer',
  };

  constructor(scope: Construct, id: string, props: ClusterStorageContainerProps) {
    const { container, ...spec } = props.spec;
    super(scope, id, {
      ...ClusterStorageContainer.GVK,
      metadata: props.metadata,
      spec: { ...spec, container: k8s.toJson_Container(container) },
    });
  }
}
