import { App, type AppProps, Chart } from 'cdk8s';
import { type IConstruct } from 'constructs';

const BOOTSTRAP = 'bootstrap';

/**
 * The chart of what is created once and belongs to roll-outs from then on, such as the version that is served. Applying it
 * again would undo promotions, so it is kept apart from the steady manifests.
 */
export class BootstrapChart extends Chart {
  /** The one bootstrap chart of the app that `construct` is part of. */
  public static override of(construct: IConstruct): BootstrapChart {
    const app = App.of(construct);
    return (app.node.tryFindChild(BOOTSTRAP) as BootstrapChart | undefined) ?? new BootstrapChart(app);
  }

  private constructor(app: App) {
    super(app, BOOTSTRAP, { disableResourceNameHashes: true });
  }
}

/**
 * An app that writes one file a chart, `<outdir>/<chart>.yaml`, and what is created once to `<outdir>/bootstrap/`, where
 * `kubectl apply -f <outdir>` does not look. With a plain `App` the bootstrap chart is a file beside the others.
 */
export class MlopsApp extends App {
  private bootstrapping = false;

  constructor(props: AppProps = {}) {
    super({ outputFileExtension: '.yaml', ...props });
  }

  /** The charts that the current pass writes. */
  public override get charts(): Chart[] {
    // Not by `instanceof`: cdk8s answers yes for every kind of chart.
    return super.charts.filter((chart) => (chart.node.path === BOOTSTRAP) === this.bootstrapping);
  }

  /** Writes all manifests. */
  public override synth(): void {
    super.synth();
    if (!this.node.tryFindChild(BOOTSTRAP)) return;
    const steady = this.outdir;
    const writable = this as { outdir: string };
    try {
      this.bootstrapping = true;
      writable.outdir = `${steady}/${BOOTSTRAP}`;
      super.synth();
    } finally {
      this.bootstrapping = false;
      writable.outdir = steady;
    }
  }
}
