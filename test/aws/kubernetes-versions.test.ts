import { DEFAULT_KUBERNETES_VERSION } from 'cdk8s-mlops/aws';
import { kubernetesVersionProblem, kubernetesVersionWarning } from '../../lib/aws/kubernetes-versions';

test('the default is in standard support, and nothing is to be said of it', () => {
  expect(kubernetesVersionProblem(DEFAULT_KUBERNETES_VERSION, false)).toBeUndefined();
  expect(kubernetesVersionWarning(DEFAULT_KUBERNETES_VERSION)).toBeUndefined();
});

test('the default is the newest that is known', () => {
  const newer = `1.${Number(DEFAULT_KUBERNETES_VERSION.split('.')[1]) + 1}`;
  expect(kubernetesVersionWarning(newer)).toContain('newer than this version of the library');
});

test.each([
  ['1.38', false, undefined],
  ['1.37', false, undefined],
  ['1.35', false, undefined],
  ['1.34', false, undefined],
  [
    '1.33',
    false,
    "is out of standard support since 2026-07-29, and costs six times as much until support ends on 2027-07-29: use 1.36, or accept the price with 'extendedSupport'",
  ],
  ['1.33', true, undefined],
  ['1.31', true, undefined],
  ['1.30', true, 'is no longer supported by EKS since 2026-07-23: use 1.36'],
  ['1.29', true, 'is no longer supported by EKS since 2026-03-23: use 1.36'],
  ['1.28', true, 'is no longer supported by EKS: use 1.36'],
  ['1.7', false, "must be '1.<minor>' in quotes, for example '1.36'"],
  ['1.37.1', false, "must be '1.<minor>' in quotes, for example '1.36'"],
  ['v1.37', false, "must be '1.<minor>' in quotes, for example '1.36'"],
  ['', false, "must be '1.<minor>' in quotes, for example '1.36'"],
])('%s, extended support accepted: %s', (version, extended, expected) => {
  expect(kubernetesVersionProblem(version, extended)).toBe(expected);
});

test('is warned of before and after standard support ends', () => {
  expect(kubernetesVersionWarning('1.35')).toBeUndefined();
  expect(kubernetesVersionWarning('1.34')).toBe(
    'Kubernetes 1.34 leaves standard support on 2026-12-02: plan the upgrade to 1.36',
  );
  expect(kubernetesVersionWarning('1.32')).toBe(
    'Kubernetes 1.32 is in extended support, at six times the price, until 2027-03-23',
  );
});

test('no clock is asked: the answer is the same on any day', () => {
  jest.useFakeTimers({ now: new Date('2031-01-01') });
  try {
    expect(kubernetesVersionProblem('1.36', false)).toBeUndefined();
    expect(kubernetesVersionWarning('1.36')).toBeUndefined();
  } finally {
    jest.useRealTimers();
  }
});
