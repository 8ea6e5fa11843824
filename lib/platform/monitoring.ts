import { dnsLabelProblem } from '../validation/names';
import { Problems } from '../validation/problems';
import { httpUrlProblem } from '../validation/uri';

/** Options of {@link Monitoring.kubePrometheusStack}. */
export interface KubePrometheusStackOptions {
  /**
   * Namespace of the release.
   *
   * @default monitoring
   */
  readonly namespace?: string;

  /**
   * Name of the Helm release. A stock installation selects monitors and rules by the label `release: <name>`.
   *
   * @default kube-prometheus-stack
   */
  readonly release?: string;

  /**
   * Address of Prometheus.
   *
   * @default - the Service that the chart makes, `http://<full name>-prometheus.<namespace>.svc:9090`
   */
  readonly prometheusUrl?: string;
}

// The chart's "fullname" helper cuts names to 26 characters, so that what it appends keeps within 63.
const CHART_NAME = 'kube-prometheus-stack';
const CHART_NAME_LIMIT = 26;

function chartFullName(release: string): string {
  const name = release.includes(CHART_NAME) ? release : `${release}-${CHART_NAME}`;
  return name.slice(0, CHART_NAME_LIMIT).replace(/-$/, '');
}

/** How the platform is watched: which Prometheus scrapes it and how that one selects. Immutable data. */
export class Monitoring {
  /**
   * Prometheus, Alertmanager and Grafana of the chart kube-prometheus-stack, installed beside the platform.
   *
   * @throws ValidationError listing everything that is wrong.
   */
  public static kubePrometheusStack(options: KubePrometheusStackOptions = {}): Monitoring {
    const { namespace = 'monitoring', release = CHART_NAME } = options;
    const problems = new Problems('Monitoring');
    problems.check('namespace', namespace, dnsLabelProblem(namespace));
    problems.check('release', release, dnsLabelProblem(release, 53));
    const prometheusUrl = options.prometheusUrl ?? `http://${chartFullName(release)}-prometheus.${namespace}.svc:9090`;
    problems.check('prometheusUrl', prometheusUrl, httpUrlProblem(prometheusUrl));
    problems.throwIfAny();
    return new Monitoring(namespace, prometheusUrl, { release });
  }

  private constructor(
    /** Namespace of Prometheus: the one that may scrape. */
    public readonly namespace: string,
    /** Address of Prometheus. */
    public readonly prometheusUrl: string,
    private readonly labels: Readonly<Record<string, string>>,
  ) {}

  /** Labels that a monitor or rule must have to be selected. */
  public get selectionLabels(): Record<string, string> {
    return { ...this.labels };
  }
}
