import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App as CloudApp } from 'cdktf';
import { type MlModelPlatform, MlopsApp, PlatformOutputs } from 'cdk8s-mlops';
import { demandForecastCloud } from './cloud';
import { type AwsPlatformConfig, environments } from './config';
import { demandForecastLoop } from './demand-forecast';

/** What AWS invented, as `terraform output -json` wrote it. Before the first apply there is none. */
function outputsOf({ environment: { environment, clusterName } }: AwsPlatformConfig): PlatformOutputs {
  const source = join(__dirname, `outputs/${environment}.json`);
  if (!existsSync(source)) return PlatformOutputs.pending(`outputs/${environment}.json`);
  return PlatformOutputs.fromTerraform(readFileSync(source, 'utf8'), { source, clusterName });
}

// Manifests: one folder an environment. They know what their pods read and write.
const manifests = process.env.CDK8S_OUTDIR ?? 'dist/aws-platform';
const platforms = new Map<AwsPlatformConfig, MlModelPlatform>();
for (const config of environments) {
  const app = new MlopsApp({ outdir: join(manifests, config.environment.environment) });
  platforms.set(config, demandForecastLoop(app, config, outputsOf(config)));
  app.synth();
}

// Terraform: one stack an environment.
const cloud = new CloudApp({ outdir: process.env.CDKTF_OUTDIR ?? join(manifests, 'cdktf.out') });
for (const [config, platform] of platforms) demandForecastCloud(cloud, config, platform);
cloud.synth();
