import { Duration } from 'cdk8s';
import { Feature, Model, ModelTask } from 'cdk8s-mlops';

/** How many of an article does a shop sell tomorrow? What it sold, which is the label, is known the day after. */
export const demandForecast = new Model({
  name: 'demand-forecast',
  task: ModelTask.regression(),
  features: [
    Feature.numeric('sold_yesterday', { minimum: 0, importance: 3 }),
    Feature.numeric('sold_last_week', { minimum: 0, importance: 3 }),
    Feature.numeric('price', { minimum: 0, importance: 2 }),
    Feature.numeric('temperature', { minimum: -40, maximum: 60, required: false }),
    Feature.categorical('weekday', { values: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] }),
    Feature.categorical('promotion', { values: ['none', 'leaflet', 'price'] }),
  ],
  objectives: { maxMae: 4, maxLatencyP95: Duration.millis(150), maxErrorRate: 0.01 },
  labelDelay: Duration.days(2),
});
