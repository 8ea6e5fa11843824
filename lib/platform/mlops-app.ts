import { App, type AppProps, Chart } from 'cdk8s';
import { type IConstruct } from 'constructs';
import { Problems } from '../validation/problems';

const BOOTSTRAP = 'bootstrap';
const BRAND = Symbol.for('cdk8s-mlops.BootstrapChart');

/**
 * The chart of what is created once and belongs to roll-outs from then on, such as the version that is served. Applying it
 * again would undo promotions, so it is kept apart from the steady manifests.
 */
export class BootstrapChart extends Chart {
  /** The one bootstrap chart of the app that `construct` is part of. */
  public static override of(construct: IConstruct): BootstrapChart {
    const app = App.of(construct);
    const existing = app.node.tryFindChild(BOOTSTRAP);
    if (existing && !isBootstrap(existing)) {
      const problems = Problems.of(existing);
      problems.addText("'bootstrap' is the name of the chart of what is created once: give this chart another one");
      problems.throwIfAny();
    }
    return (existing as BootstrapChart | undefined) ?? new BootstrapChart(app);
  }

  private constructor(app: App) {
    super(app, BOOTSTRAP, { disableResourceNameHashes: true });
    Object.defineProperty(this, BRAND, { value: true });
  }
}

// Not by `instanceof`: cdk8s answers yes for every kind of chart.
function isBootstrap(construct: IConstruct): boolean {
  return BRAND in construct;
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
    return super.charts.filter((chart) => isBootstrap(chart) === this.bootstrapping);
  }

  /** Writes all manifests. */
  public override synth(): void {
    super.synth();
    if (!this.node.children.some(isBootstrap)) return;
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
