import { Release } from '@cdktf/provider-helm/lib/release';
import { App, TerraformStack, TerraformVariable, Testing } from 'cdktf';
import { eksHelmProvider, type EksHelmProviderProps } from 'cdk8s-mlops/aws';
import { problemsOf, type Rendered } from '../support/synth';

const CLUSTER = {
  clusterName: 'fraud-staging',
  clusterEndpoint: 'https://ABC.gr7.eu-central-1.eks.amazonaws.com',
  clusterCertificateAuthority: 'LS0tLS1CRUdJTg==',
  region: 'eu-central-1',
};

function provider(props: Partial<EksHelmProviderProps> = {}): Rendered {
  const stack = new TerraformStack(new App(), 'test');
  eksHelmProvider(stack, 'helm', { ...CLUSTER, ...props });
  return JSON.parse(Testing.synth(stack)).provider.helm;
}

describe('eksHelmProvider', () => {
  test('reaches the cluster with tokens that the command line of AWS makes', () => {
    expect(provider()).toEqual([
      {
        kubernetes: {
          host: CLUSTER.clusterEndpoint,
          cluster_ca_certificate: '${base64decode("LS0tLS1CRUdJTg==")}',
          exec: {
            api_version: 'client.authentication.k8s.io/v1beta1',
            command: 'aws',
            args: [
              ...[
                'eks',
                'get-token',
                '--cluster-name',
                'fraud-staging',
                '--region',
                'eu-central-1',
                '--output',
                'json',
              ],
            ],
          },
        },
      },
    ]);
  });

  test('takes on a role and a name of its own', () => {
    const roleArn = 'arn:aws:iam::123456789012:role/deployer';
    const [made] = provider({ roleArn, alias: 'staging' });
    expect(made.alias).toBe('staging');
    expect(made.kubernetes.exec.args.slice(-2)).toEqual(['--role-arn', roleArn]);
  });

  test('takes what is known only when the cluster is there', () => {
    const stack = new TerraformStack(new App(), 'test');
    const endpoint = new TerraformVariable(stack, 'endpoint', {}).stringValue;
    const authority = new TerraformVariable(stack, 'authority', {}).stringValue;
    eksHelmProvider(stack, 'helm', { ...CLUSTER, clusterEndpoint: endpoint, clusterCertificateAuthority: authority });
    const [{ kubernetes }] = JSON.parse(Testing.synth(stack)).provider.helm;
    expect([kubernetes.host, kubernetes.cluster_ca_certificate]).toEqual([
      '${var.endpoint}',
      '${base64decode(var.authority)}',
    ]);
  });

  test('is what releases of the stack are installed by', () => {
    const stack = new TerraformStack(new App(), 'test');
    const helm = eksHelmProvider(stack, 'helm', { ...CLUSTER, alias: 'staging' });
    new Release(stack, 'release', { name: 'x', chart: 'x', provider: helm });
    const [release] = Object.values<Rendered>(JSON.parse(Testing.synth(stack)).resource.helm_release);
    expect(release.provider).toBe('helm.staging');
  });

  test('says what is missing', () => {
    expect(
      problemsOf(() =>
        provider({ clusterName: '', clusterEndpoint: ' ', clusterCertificateAuthority: '', region: '' }),
      ),
    ).toEqual([
      "'clusterName' ('') must not be empty",
      "'clusterEndpoint' (' ') must not be empty",
      "'clusterCertificateAuthority' ('') must not be empty",
      "'region' ('') must not be empty",
    ]);
  });
});
