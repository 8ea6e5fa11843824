/** Version of the configuration's format; readers refuse others. */
export const CAPTURE_FILE_VERSION = 1;

/** What a collector holds at most; whatever exceeds it is shed and counted. */
export interface CaptureLimits {
  /** Largest body of a request. */
  readonly bodyBytes: number;
  /** Bytes of all bodies that are being received, or wait for the disk. */
  readonly memoryBytes: number;
  /** Bytes on the disk that wait for the store. */
  readonly bufferBytes: number;
  /** A segment with as many bytes is closed and stored ... */
  readonly segmentBytes: number;
  /** ... and so is one of that age. */
  readonly segmentSeconds: number;
  /** Open connections. */
  readonly connections: number;
  /** Seconds within which a request must have come as a whole. */
  readonly requestSeconds: number;
}

/** The configuration of `drift-checker collect` and `compact`, rendered by `ServedModel`. */
export interface CaptureFile {
  readonly version: typeof CAPTURE_FILE_VERSION;
  readonly model: string;
  readonly namespace: string;
  /** Path of the schema file. */
  readonly schema: string;
  /** URI of the prediction log. */
  readonly log: string;
  /** InferenceServices whose events are this model's: the stable one and its candidate. */
  readonly inferenceServices: readonly string[];
  /** Address of the tracking server, for the reference profiles and schemas of versions; without it no bins are counted. */
  readonly registry?: string;
  /** Header of the call that carries the id by which labels come back, as the payload logger spells it. */
  readonly requestIdHeader?: string;
  /** Share of the calls that are kept in the log, above 0 and at most 1; metrics count all of them. */
  readonly sampling: number;
  /** Days after which what was recorded is deleted; absent when it is kept. */
  readonly retentionDays?: number;
  /** How long a request waits for its response, and a response for its request. */
  readonly pairingHours: number;
  /** How long a label may come after its prediction, and how long one waits that came before it. */
  readonly labelDays: number;
  readonly limits: CaptureLimits;
}

/** What is captured unless somebody says otherwise. */
export const CAPTURE_DEFAULTS = {
  sampling: 1,
  pairingHours: 6,
  labelDays: 30,
  limits: {
    bodyBytes: 4 * 1024 ** 2,
    memoryBytes: 48 * 1024 ** 2,
    bufferBytes: 2 * 1024 ** 3,
    segmentBytes: 32 * 1024 ** 2,
    segmentSeconds: 60,
    connections: 1000,
    requestSeconds: 10,
  },
} as const satisfies Partial<CaptureFile>;

/** Port of the collector's pods; its Service has {@link CAPTURE_SERVICE_PORT}. */
export const CAPTURE_PORT = 8080;

export const CAPTURE_SERVICE_PORT = 80;

/** What a collector answers on. */
export const CAPTURE_PATHS = {
  /** CloudEvents of KServe's payload logger, in binary mode. */
  events: '/',
  /** Predictions of a server of one's own. */
  predictions: '/v1/predictions',
  /** Labels of predictions, for both kinds of server. */
  labels: '/v1/labels',
  /** What it counts, for Prometheus. */
  metrics: '/metrics',
  /** Whether it takes events. */
  ready: '/readyz',
  /** Whether it lives. */
  live: '/healthz',
} as const;

/** Folders beside the partitions of the prediction log; readers of the log pass over names that begin with `_`. */
export const CAPTURE_FOLDERS = {
  /** Events as they came. */
  events: '_events',
  /** Labels as they came. */
  labels: '_labels',
  /** Which requests each file of the log has. */
  index: '_index',
  /** What waits for its counterpart, and who compacts now. */
  state: '_state',
} as const;

/** What becomes of something that is sent to a collector: the label `outcome` of `ml_capture_events_total`. */
export const CAPTURE_OUTCOMES = {
  /** It is on the collector's disk. */
  stored: 'stored',
  /** It was counted, and by the sampling is not one of those that are kept. */
  sampled: 'sampled',
  /** Shed: too many bytes wait in memory. */
  shedMemory: 'shed_memory',
  /** Shed: too many bytes on the disk wait for the store. */
  shedBuffer: 'shed_buffer',
  /** Shed: the disk is full or fails. */
  shedDisk: 'shed_disk',
  /** Shed: the collector is ending. */
  shedEnding: 'shed_ending',
  /** Refused: larger than a body may be. */
  tooLarge: 'refused_too_large',
  /** Refused: it came too slowly, or broke off. */
  incomplete: 'refused_incomplete',
  /** Refused: no event, prediction or label that the collector knows. */
  malformed: 'refused_malformed',
  /** Refused: of another model. */
  otherModel: 'refused_other_model',
} as const;

/** What is sent to a collector: the label `kind` of `ml_capture_events_total`. */
export const CAPTURE_KINDS = ['request', 'response', 'label', 'unknown'] as const;

/** What is wrong with events that were stored: the label `kind` of `ml_capture_findings_total`. */
export const CAPTURE_FINDINGS = {
  /** The body cannot be read as one of the model's requests: not JSON, another shape, a wrong number of values. */
  undecodableRequest: 'undecodable_request',
  /** The body cannot be read as one of the model's responses. */
  undecodableResponse: 'undecodable_response',
  /** Instances with a name that is no feature. */
  unknownFeature: 'unknown_feature',
  /** Values of a numeric feature that are no number, or the reverse. */
  retypedFeature: 'retyped_feature',
  /** Calls that do not say which version answers. */
  noVersion: 'no_version',
  /** Versions that the registry does not know, or of which there are too many to count each. */
  unknownVersion: 'unknown_version',
  /** No reference profile of the version could be had: its bins are not counted. */
  noProfile: 'no_profile',
  /** Calls without the header that carries the id for labels. */
  noRequestId: 'no_request_id',
  /** The event's time is after that of its receipt. */
  fromFuture: 'from_future',
  /** What a process that was killed had begun to write, and never acknowledged. */
  tornRecord: 'torn_record',
} as const;

/** What a compaction finds: the label `kind` of `ml_compaction_findings`. */
export const COMPACTION_FINDINGS = {
  /** Records that are none. */
  unreadable: 'unreadable',
  /** Bodies that cannot be read as the model's requests or responses. */
  undecodable: 'undecodable',
  /** Values of numeric features that are no numbers: recorded as missing. */
  retypedValue: 'retyped_value',
  /** Calls whose request and response have different numbers of instances. */
  unevenCall: 'uneven_call',
  /** Requests whose response did not come in time: the call failed, or its event was lost. */
  requestWithoutResponse: 'request_without_response',
  /** Responses whose request did not come in time: its event was lost. */
  responseWithoutRequest: 'response_without_request',
  /** Events that came again. */
  repeatedEvent: 'repeated_event',
  /** Two requests, or two responses, of one id that differ: the first counts. */
  conflictingEvent: 'conflicting_event',
  /** Predictions that are in the log already. */
  repeatedPrediction: 'repeated_prediction',
  /** Predictions with a time after that of their receipt, which counts instead. */
  fromFuture: 'from_future',
  /** Labels that are known already. */
  repeatedLabel: 'repeated_label',
  /** Labels of one id that differ: the latest counts. */
  conflictingLabel: 'conflicting_label',
  /** Labels for which no prediction came in time. */
  labelWithoutPrediction: 'label_without_prediction',
} as const;
