import { repeat } from '../../common/testing/test-data';
import { decide, type Decision, type Evidence } from './decision';
import { type FeatureDrift, type Finding, type PerformanceReport } from './drift-report';

const RULE = { featureThreshold: 0.15, driftedShare: 0.3, significance: 0.01, consecutiveWindows: 1 };

function feature(name: string, change: Partial<FeatureDrift> = {}): FeatureDrift {
  return {
    ...{ name, role: 'feature', type: 'numeric', importance: 1, statistic: 'psi', threshold: 0.15, score: 0 },
    ...{
      pValue: 1,
      adjustedPValue: 1,
      drifted: false,
      statistics: {},
      missingRatio: 0,
      referenceMissingRatio: 0,
      bins: [],
    },
    ...change,
  };
}

/** So many features, the first of which drifted. */
const features = (all: number, drifted: number): FeatureDrift[] =>
  repeat(all, (index) => feature(`f${index}`, index < drifted ? { drifted: true, score: 1 } : {}));

const decision = (evidence: Partial<Evidence>): Decision =>
  decide({
    ...{
      rows: 500,
      minRows: 500,
      absent: [],
      leftOut: [],
      features: features(1, 0),
      predictions: [],
      quality: [],
      decision: RULE,
      earlierDrifted: 0,
    },
    ...evidence,
  });

const finding = (severity: Finding['severity']): Finding => ({ kind: 'all-null', severity, message: 'it is broken' });

describe('the share of drifted features', () => {
  test.each([
    [10, 3, 'no-drift'],
    [10, 4, 'drift'],
    [20, 6, 'no-drift'],
    [20, 7, 'drift'],
    [1, 0, 'no-drift'],
    [1, 1, 'drift'],
  ])('of %p features %p drifted: %s, since exactly 0.3 is not more', (all, drifted, verdict) => {
    expect(decision({ features: features(all, drifted) }).verdict).toBe(verdict);
  });

  test('does not count features without importance', () => {
    const idle = repeat(9, (index) => feature(`idle${index}`, { importance: 0, drifted: true, score: 5 }));
    const { verdict, driftedShare, dataDriftScore, countedFeatures } = decision({ features: [...idle, feature('f')] });
    expect({ verdict, driftedShare, dataDriftScore, countedFeatures }).toEqual({
      ...{ verdict: 'no-drift', driftedShare: 0, dataDriftScore: 0, countedFeatures: 1 },
    });
  });

  test('is beside the score, which is the mean by importance and leaves broken columns out', () => {
    const { dataDriftScore } = decision({
      features: [
        feature('a', { importance: 3, score: 0.4 }),
        feature('b', { importance: 1, score: 0.8 }),
        feature('c', { importance: 4, score: 99, excluded: 'broken' }),
      ],
    });
    expect(dataDriftScore).toBeCloseTo(0.25, 12);
  });
});

test.each<[string, FeatureDrift[]]>([
  ['there is none', []],
  ['all are broken', [feature('a', { excluded: 'broken' })]],
  ['none counts', [feature('a', { importance: 0 })]],
])('without a feature that can be judged nothing is said of drift: %s', (_, judged) => {
  expect(decision({ features: judged })).toMatchObject({
    ...{ verdict: 'inconclusive', severity: 'inconclusive' },
    reasons: ['no feature could be judged: all are missing or broken'],
  });
});

describe('severity', () => {
  const degraded = { verdict: 'degraded', labels: 500, coverage: 1, metrics: [] } as const satisfies PerformanceReport;

  test.each<[string, Partial<Evidence>, string, string]>([
    ['nothing', { features: features(10, 0) }, 'no-drift', 'none'],
    ['a drifted feature that is not enough', { features: features(10, 1) }, 'no-drift', 'warning'],
    ['drift', { features: features(10, 5) }, 'drift', 'critical'],
    [
      'drift, not in enough windows',
      { features: features(10, 5), decision: { ...RULE, consecutiveWindows: 2 } },
      'no-drift',
      'warning',
    ],
    [
      'a shifted prediction',
      { predictions: [feature('prediction', { role: 'prediction', drifted: true })] },
      'no-drift',
      'warning',
    ],
    ['something to know', { quality: [finding('info')] }, 'no-drift', 'none'],
    ['a finding to look at', { quality: [finding('warning')] }, 'no-drift', 'warning'],
    ['broken data', { quality: [finding('critical')] }, 'no-drift', 'critical'],
    ['lost performance', { performance: degraded }, 'no-drift', 'critical'],
    ['too few rows', { rows: 499, features: features(10, 10) }, 'inconclusive', 'inconclusive'],
    ['too few rows of broken data', { rows: 499, quality: [finding('critical')] }, 'inconclusive', 'critical'],
  ])('%s', (_, evidence, verdict, severity) => {
    expect(decision(evidence)).toMatchObject({ verdict, severity });
  });
});

test('reasons say what led to the verdict', () => {
  expect(decision({ features: features(4, 2), quality: [finding('critical'), finding('warning')] }).reasons).toEqual([
    '2 of 4 features drifted (more than 30 %): f0, f1',
    'it is broken',
  ]);
  expect(decision({ features: features(10, 1) }).reasons).toEqual(['f0 drifted: 1 of 10 features, not more than 30 %']);
});

test('an error that grew rose, and an accuracy that shrank fell', () => {
  const metric = { low: 0, high: 0, judged: true, degraded: true, missesObjective: false };
  const { reasons } = decision({
    performance: {
      ...{ verdict: 'degraded', labels: 500, coverage: 1 },
      metrics: [
        { ...metric, metric: 'accuracy', value: 0.8, reference: 0.9 },
        { ...metric, metric: 'mae', value: 3, reference: 2 },
      ],
    },
  });
  expect(reasons).toEqual([
    'accuracy fell to 0.800 from 0.900 in the reference',
    'mae rose to 3.000 from 2.000 in the reference',
  ]);
});
