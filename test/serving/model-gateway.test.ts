import { ModelGateway, type ModelGatewayProps } from 'cdk8s-mlops';
import { ENVOY_GATEWAY } from '../../lib/serving/model-gateway';
import { find, identities, newChart, problemsOf, rendered, type Rendered } from '../support/synth';

function gateway(props: Partial<ModelGatewayProps> = {}): { construct: ModelGateway; objects: Rendered[] } {
  const chart = newChart();
  const construct = new ModelGateway(chart, 'gateway', { routeNamespaces: ['ml'], ...props });
  return { construct, objects: rendered(chart) };
}

const NLB = 'service.beta.kubernetes.io/aws-load-balancer';

describe('ModelGateway', () => {
  test('is an internal Gateway of Envoy Gateway, with its class and its namespace', () => {
    const { objects } = gateway();
    expect(identities(objects)).toEqual(['Namespace model-gateway', 'GatewayClass envoy', 'Gateway models']);
    expect(find(objects, 'GatewayClass', 'envoy').spec).toEqual({ controllerName: ENVOY_GATEWAY.controllerName });
    const made = find(objects, 'Gateway', 'models');
    expect(made.metadata.namespace).toBe('model-gateway');
    expect(made.spec).toEqual({
      gatewayClassName: 'envoy',
      infrastructure: { annotations: { [`${NLB}-type`]: 'nlb', [`${NLB}-internal`]: 'true' } },
      listeners: [
        {
          ...{ name: 'http', port: 80, protocol: 'HTTP' },
          allowedRoutes: {
            kinds: [{ kind: 'HTTPRoute' }],
            namespaces: {
              from: 'Selector',
              selector: { matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: ['ml'] }] },
            },
          },
        },
      ],
    });
  });

  test('every prop reaches it', () => {
    const all: Required<ModelGatewayProps> = {
      ...{ routeNamespaces: ['a', 'b'], name: 'public', namespace: 'edge', createNamespace: false },
      ...{ hostname: '*.models.example.com', certificateSecret: 'models-tls', isPublic: true, existingClass: 'shared' },
      annotations: { 'example.com/team': 'ml' },
    };
    const { construct, objects } = gateway(all);
    expect(identities(objects)).toEqual(['Gateway public']);
    expect([construct.name, construct.namespace]).toEqual(['public', 'edge']);
    const { metadata, spec } = objects[0];
    expect(metadata.namespace).toBe('edge');
    expect(spec.gatewayClassName).toBe('shared');
    expect(spec.infrastructure.annotations).toEqual({
      ...{ [`${NLB}-type`]: 'nlb', [`${NLB}-internal`]: 'false', 'example.com/team': 'ml' },
    });
    expect(spec.listeners[0]).toMatchObject({
      ...{ name: 'https', port: 443, protocol: 'HTTPS', hostname: '*.models.example.com' },
      tls: { mode: 'Terminate', certificateRefs: [{ kind: 'Secret', name: 'models-tls' }] },
    });
    expect(spec.listeners[0].allowedRoutes.namespaces.selector.matchExpressions[0].values).toEqual(['a', 'b']);
  });

  test('whether it is public is not said by annotations', () => {
    const { objects } = gateway({ annotations: { [`${NLB}-internal`]: 'false', [`${NLB}-type`]: 'external' } });
    expect(find(objects, 'Gateway', 'models').spec.infrastructure.annotations).toEqual({
      ...{ [`${NLB}-internal`]: 'true', [`${NLB}-type`]: 'external' },
    });
  });

  test('models are exposed on its listener, and the pods that carry its traffic are let in', () => {
    const { construct } = gateway({ hostname: '*.example.com', certificateSecret: 'tls' });
    expect(construct.exposure('churn.example.com', 'a.b.example.com')._gateway).toEqual({
      ...{ name: 'models', namespace: 'model-gateway', listener: 'https', proxyNamespace: 'envoy-gateway-system' },
      hostnames: ['churn.example.com', 'a.b.example.com'],
    });
    expect(gateway().construct.exposure('any.host')._gateway?.listener).toBe('http');
    expect(gateway({ hostname: 'one.example.com' }).construct.exposure('one.example.com')._gateway).toBeDefined();
  });

  test('hosts that it does not answer for are refused', () => {
    const { construct } = gateway({ hostname: '*.example.com' });
    const not = (host: string): string =>
      `'hostnames' ('${host}') is not among those that the Gateway answers for: *.example.com`;
    expect(problemsOf(() => construct.exposure('churn.example.org', 'example.com', 'ok.example.com'))).toEqual([
      ...['churn.example.org', 'example.com'].map(not),
    ]);
    expect(
      problemsOf(() => gateway({ hostname: 'one.example.com' }).construct.exposure('two.example.com')),
    ).toHaveLength(1);
    expect(problemsOf(() => construct.exposure())).toEqual(["'hostnames' ([]) must name at least one host"]);
  });

  test('everything wrong is said at once', () => {
    expect(
      problemsOf(() =>
        gateway({
          ...{ routeNamespaces: ['No'], name: 'A', namespace: 'b.c', hostname: '*.*.d', certificateSecret: 'E' },
          existingClass: 'F_',
        }),
      ).map((problem) => problem.split(' ')[0]),
    ).toEqual([
      ...["'routeNamespaces'", "'name'", "'namespace'", "'hostname'", "'certificateSecret'", "'existingClass'"],
    ]);
    expect(problemsOf(() => gateway({ routeNamespaces: [], isPublic: true }))).toEqual([
      "'routeNamespaces' ([]) must name at least one namespace",
      "'isPublic' (true) needs TLS: name the Secret of a certificate, 'certificateSecret'",
    ]);
  });
});
