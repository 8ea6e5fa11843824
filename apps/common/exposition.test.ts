import { METRICS } from 'cdk8s-mlops/contract';
import { exposition } from './exposition';

const LABELS = { model: 'churn', version: '3', namespace: 'ml', more: 'than the metric has' };

test('series have the labels of their metric and no others, each metric one head', async () => {
  const text = await exposition(LABELS, (set) => {
    set(METRICS.gatePassed, 0);
    set(METRICS.gateCheckPassed, 1, { check: 'accuracy' });
    set(METRICS.gateCheckPassed, 0, { check: 'a "b" \\ c\nd' });
  });
  expect(text.split('\n').filter((line) => !line.startsWith('# HELP'))).toEqual([
    '# TYPE ml_gate_passed gauge',
    'ml_gate_passed{model="churn",version="3",namespace="ml"} 0',
    '',
    '# TYPE ml_gate_check_passed gauge',
    'ml_gate_check_passed{model="churn",version="3",namespace="ml",check="accuracy"} 1',
    'ml_gate_check_passed{model="churn",version="3",namespace="ml",check="a \\"b\\" \\\\ c\\nd"} 0',
    '',
  ]);
});

test('a label of the series wins over that of all', async () => {
  const text = await exposition(LABELS, (set) => set(METRICS.versionInfo, 1, { version: '2', role: 'stable' }));
  expect(text).toContain('ml_model_version_info{model="churn",version="2",namespace="ml",role="stable"} 1\n');
});

test('nothing set is nothing', async () => {
  expect((await exposition(LABELS, () => undefined)).trim()).toBe('');
});
