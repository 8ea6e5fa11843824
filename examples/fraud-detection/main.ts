import { App as CloudApp } from 'cdktf';
import { MlopsApp } from 'cdk8s-mlops';
import { FraudDetectionCloud } from './cloud';
import { environments } from './config';
import { fraudDetection } from './fraud-detection';

// Manifests: one folder an environment.
const manifests = process.env.CDK8S_OUTDIR ?? 'dist/k8s';
for (const config of environments) {
  const app = new MlopsApp({ outdir: `${manifests}/${config.environment}` });
  fraudDetection(app, config);
  app.synth();
}

// Terraform: one stack an environment. `cdktf` says by CDKTF_OUTDIR where it wants them.
const cloud = new CloudApp({ outdir: process.env.CDKTF_OUTDIR ?? 'cdktf.out' });
for (const config of environments) new FraudDetectionCloud(cloud, config);
cloud.synth();
