import { MlopsApp } from 'cdk8s-mlops';
import { environments } from './config';
import { creditRiskLoop } from './credit-risk';

// One folder an environment.
const manifests = process.env.CDK8S_OUTDIR ?? 'dist/credit-risk';
for (const config of environments) {
  const app = new MlopsApp({ outdir: `${manifests}/${config.environment}` });
  creditRiskLoop(app, config);
  app.synth();
}
