import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import {
  CAPTURE_FINDINGS,
  CAPTURE_KINDS,
  CAPTURE_OUTCOMES,
  type CaptureFile,
  METRICS,
  type MetricSpec,
  type ModelSchema,
} from 'cdk8s-mlops/contract';
import { type ReferenceProfile } from '../profile/reference-profile';
import { VersionCounts } from './version-counts';

export type CaptureKind = (typeof CAPTURE_KINDS)[number];
export type CaptureOutcome = (typeof CAPTURE_OUTCOMES)[keyof typeof CAPTURE_OUTCOMES];
export type CaptureFinding = (typeof CAPTURE_FINDINGS)[keyof typeof CAPTURE_FINDINGS];

/** Versions that are counted each by itself. */
const MOST_VERSIONS = 10;
/** A version that has not been met for as long makes room for another, in milliseconds. */
const FORGOTTEN_AFTER = 3_600_000;
/** A version's name that is longer is none. */
const LONGEST_VERSION = 128;
/** Those that are not, and calls that do not say which version answered. */
export const OTHER_VERSION = 'other';
export const NO_VERSION = 'unknown';

/** Of an answer, in seconds: beyond the last no objective can be held. */
const DURATIONS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 10, 30, 60, 120];

const SCORES = Array.from({ length: 20 }, (_, index) => (index + 1) / 20);
/** Of predicted numbers: three a decade, on both sides of 0. */
const DECADES = [-3, -2, -1, 0, 1, 2, 3, 4, 5, 6].flatMap((exponent) =>
  [1, 2, 5].map((digit) => digit * 10 ** exponent),
);
const VALUES = [...DECADES.map((value) => -value).reverse(), 0, ...DECADES];

/** With the objective among them: between two bounds a quantile is only guessed, and a guess must not raise an alert. */
function durationsOf({ objectives: { maxLatencyP95Seconds } }: ModelSchema): number[] {
  const all = maxLatencyP95Seconds === undefined ? DURATIONS : [...DURATIONS, maxLatencyP95Seconds];
  return [...new Set(all)].sort((a, b) => a - b);
}

/** What a collector counts. Every series that can be is there from the start, at 0. */
export class CaptureMetrics {
  private readonly registry = new Registry();
  private readonly versions = new Map<string, VersionCounts>();
  /** When the versions that are counted by themselves were met last. */
  private readonly metAt = new Map<string, number>();
  private readonly events: Counter;
  private readonly findings: Counter;
  private readonly uploads: Counter;
  private readonly durations: Histogram;
  private readonly values: Histogram;

  constructor(
    private readonly config: Pick<CaptureFile, 'model' | 'namespace' | 'limits'>,
    schema: ModelSchema,
    bufferBytes: () => number,
  ) {
    this.events = this.counter(METRICS.captureEvents);
    for (const kind of CAPTURE_KINDS)
      for (const outcome of Object.values(CAPTURE_OUTCOMES)) this.event(kind, outcome, 0);
    this.findings = this.counter(METRICS.captureFindings);
    for (const kind of Object.values(CAPTURE_FINDINGS)) this.finding(kind, 0);
    this.uploads = this.counter(METRICS.captureUploads);
    for (const stored of [true, false]) this.upload(stored, 0);
    this.gauge(METRICS.captureBufferBytes, (gauge) => gauge.set(this.own, bufferBytes()));
    this.gauge(METRICS.captureBufferLimit, (gauge) => gauge.set(this.own, config.limits.bufferBytes));
    this.durations = this.histogram(METRICS.inferenceDuration, durationsOf(schema));
    this.values = this.histogram(METRICS.predictionValue, schema.task.type === 'regression' ? VALUES : SCORES);
    this.exportVersions();
  }

  public get contentType(): string {
    return this.registry.contentType;
  }

  /** All series, in Prometheus's text format. */
  public text(): Promise<string> {
    return this.registry.metrics();
  }

  public event(kind: CaptureKind, outcome: CaptureOutcome, count = 1): void {
    this.events.inc({ ...this.own, kind, outcome }, count);
  }

  public finding(kind: CaptureFinding, count = 1): void {
    this.findings.inc({ ...this.own, kind }, count);
  }

  public upload(stored: boolean, count = 1): void {
    this.uploads.inc({ ...this.own, outcome: stored ? 'stored' : 'failed' }, count);
  }

  public duration(version: string, seconds: number): void {
    this.durations.observe({ ...this.own, version: this.labelOf(version) }, seconds);
  }

  public value(version: string, value: number): void {
    this.values.observe({ ...this.own, version: this.labelOf(version) }, value);
  }

  /** The counts of a version; of the others together once there are too many. */
  public version(version: string, schema: ModelSchema, now = Date.now()): VersionCounts {
    if (!this.versions.has(version)) this.makeRoom(now);
    const label = this.labelOf(version);
    if (label !== OTHER_VERSION) this.metAt.set(label, now);
    const known = this.versions.get(label);
    if (known) return known;
    const counts = new VersionCounts(schema);
    this.versions.set(label, counts);
    const labels = { ...this.own, version: label };
    this.durations.zero(labels);
    this.values.zero(labels);
    return counts;
  }

  /** Whether a version is counted by itself. */
  public isNamed(version: string): boolean {
    return this.versions.has(version);
  }

  /** Counts a version by its own schema, and by the bins of its reference if there is one, from now on. */
  public useVersion(version: string, schema: ModelSchema, profile?: ReferenceProfile): void {
    const counts = this.version(version, schema);
    if (!this.isNamed(version)) return;
    counts.useSchema(schema);
    if (profile) counts.useProfile(profile);
  }

  private get own(): { readonly model: string; readonly namespace: string } {
    const { model, namespace } = this.config;
    return { model, namespace };
  }

  private labelOf(version: string): string {
    const hasRoom = this.metAt.size < MOST_VERSIONS && version.length <= LONGEST_VERSION;
    return this.versions.has(version) || hasRoom ? version : OTHER_VERSION;
  }

  /** Ends the series of the version that was not met for the longest time, if that is long enough. */
  private makeRoom(now: number): void {
    if (this.metAt.size < MOST_VERSIONS) return;
    const [oldest, metAt] = [...this.metAt].reduce((first, each) => (each[1] < first[1] ? each : first));
    if (now - metAt < FORGOTTEN_AFTER) return;
    this.versions.delete(oldest);
    this.metAt.delete(oldest);
    for (const histogram of [this.durations, this.values]) histogram.remove({ ...this.own, version: oldest });
  }

  private exportVersions(): void {
    const each = (spec: MetricSpec, fill: (counts: VersionCounts, set: SetSeries) => void): void => {
      const set = (inc: (labels: Record<string, string>, value: number) => void): void => {
        for (const [version, counts] of this.versions)
          fill(counts, (value, more = {}) => inc({ ...this.own, version, ...more }, value));
      };
      if (spec.type === 'gauge') this.gauge(spec, (gauge) => set((labels, value) => gauge.set(labels, value)));
      else
        this.counter(spec, (counter) => {
          counter.reset();
          set((labels, value) => counter.inc(labels, value));
        });
    };
    each(METRICS.inferenceRequests, ({ requests }, set) => set(requests));
    each(METRICS.inferenceResponses, ({ responses }, set) => set(responses));
    each(METRICS.predictions, ({ predictions }, set) => set(predictions));
    each(METRICS.predictionClass, (counts, set) => counts.eachClass((name, value) => set(value, { class: name })));
    each(METRICS.featureMissing, (counts, set) =>
      counts.eachFeature(({ name, missing }) => set(missing, { feature: name })),
    );
    each(METRICS.featureBin, (counts, set) =>
      counts.eachFeature(({ name, bins }) => bins?.each((bin, count) => set(count, { feature: name, bin }))),
    );
    each(METRICS.featureReferenceRatio, (counts, set) =>
      counts.eachFeature(({ name, bins }) => bins?.each((bin, _, ratio) => set(ratio, { feature: name, bin }))),
    );
    each(METRICS.featureReferenceCount, (counts, set) =>
      counts.eachFeature(({ name, bins }) => {
        if (bins) set(bins.rows, { feature: name });
      }),
    );
  }

  private counter({ name, help, labels }: MetricSpec, collect?: (counter: Counter) => void): Counter {
    const registers = [this.registry];
    if (!collect) return new Counter({ name, help, labelNames: labels, registers });
    const counter: Counter = new Counter({
      name,
      help,
      labelNames: labels,
      registers,
      collect: () => collect(counter),
    });
    return counter;
  }

  private gauge({ name, help, labels }: MetricSpec, collect: (gauge: Gauge) => void): void {
    const gauge: Gauge = new Gauge({
      ...{ name, help, labelNames: labels, registers: [this.registry] },
      collect: () => {
        gauge.reset();
        collect(gauge);
      },
    });
  }

  private histogram({ name, help, labels }: MetricSpec, buckets: readonly number[]): Histogram {
    return new Histogram({ name, help, labelNames: labels, buckets: [...buckets], registers: [this.registry] });
  }
}

type SetSeries = (value: number, more?: Record<string, string>) => void;
