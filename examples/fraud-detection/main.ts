import { App } from 'cdk8s';
import { fraudDetection } from './fraud-detection';
import { ContainerImages } from 'cdk8s-mlops';

const app = new App({ outdir: process.env.CDK8S_OUTDIR ?? 'dist/k8s', outputFileExtension: '.yaml' });

fraudDetection(app, {
  namespace: 'fraud',
  images: ContainerImages.fromRegistry('registry.acme.example/mlops', { tag: '0.1.0' }),
  trainingImage: 'registry.acme.example/fraud/training:2026.11.1',
  bucketPrefix: 'acme-fraud',
});

app.synth();
