import { Duration } from 'cdk8s';
import { Feature, FeatureRecording, Model, ModelTask } from 'cdk8s-mlops';

/** Is this card payment a fraud? Charge-backs, which are the labels, take a week. */
export const fraudDetector = new Model({
  name: 'fraud-detector',
  task: ModelTask.binaryClassification({ positiveClass: 'fraud', negativeClass: 'legitimate', decisionThreshold: 0.5 }),
  features: [
    Feature.numeric('amount', { minimum: 0, importance: 3 }),
    Feature.numeric('seconds_since_last_payment', { minimum: 0, required: false, importance: 2 }),
    Feature.numeric('payments_last_24h', { minimum: 0, importance: 2 }),
    Feature.numeric('distance_from_home_km', {
      minimum: 0,
      maximum: 20_100,
      required: false,
      // With the place of the payment it would tell where somebody lives.
      recording: FeatureRecording.BUCKETED,
    }),
    Feature.categorical('merchant_category'),
    Feature.categorical('channel', { values: ['chip', 'contactless', 'online', 'magstripe'] }),
    Feature.categorical('country'),
  ],
  objectives: {
    minAccuracy: 0.93,
    minRecall: 0.8,
    maxLatencyP95: Duration.millis(50),
    maxErrorRate: 0.01,
  },
  labelDelay: Duration.days(7),
});
