import { Duration } from 'cdk8s';
import { Feature, FeatureRecording, Model, ModelTask } from 'cdk8s-mlops';

/** From this probability of a default on a loan is refused: a default costs ten times what a good customer earns. */
export const DECISION_THRESHOLD = 0.1;

/**
 * Will this loan default? Two of a hundred do, so a model that never says so is right 98 times of 100: accuracy is no objective here,
 * but recall (of those who default, how many are found) and precision (of those who are refused, how many would have defaulted) are. A default is
 * known after three instalments that did not come.
 */
export const creditRisk = new Model({
  name: 'credit-risk',
  task: ModelTask.binaryClassification({
    positiveClass: 'default',
    negativeClass: 'repaid',
    decisionThreshold: DECISION_THRESHOLD,
  }),
  features: [
    // Ages and incomes are watched, and nobody's is in the log.
    Feature.numeric('age', { minimum: 18, maximum: 110, recording: FeatureRecording.BUCKETED }),
    Feature.numeric('income', { minimum: 0, importance: 2, recording: FeatureRecording.BUCKETED }),
    Feature.numeric('loan_amount', { minimum: 0, importance: 2 }),
    Feature.numeric('debt_ratio', { minimum: 0, importance: 3 }),
    Feature.numeric('late_payments', { minimum: 0, required: false, importance: 3 }),
    Feature.categorical('employment', { values: ['employed', 'self-employed', 'retired', 'none'] }),
    Feature.categorical('purpose', { values: ['electronics', 'furniture', 'travel', 'fashion', 'other'] }),
  ],
  objectives: {
    minRecall: 0.6,
    minPrecision: 0.15,
    minAuc: 0.8,
    maxLatencyP95: Duration.millis(100),
    maxErrorRate: 0.005,
  },
  labelDelay: Duration.days(90),
});
