import { METRICS } from 'cdk8s-mlops/contract';
import { CAPTURE } from './capture';
import { modelVariables, newDashboard, versionVariable } from './dashboard';
import { NO_LIMITS, worseFrom } from './limits';
import { lines, stat } from './panels';
import { errorRatio, latency, rate, select } from './queries';

const LEGEND = '{{model}} {{version}}';
const MEASURED = "Measured by the server's payload logger, from the arrival of a request to its response.";

/** How fast, how much, and what goes wrong on the way. */
export const LATENCY = newDashboard({
  name: 'latency',
  title: 'MLOps / Latency and throughput',
  description: 'How fast models answer, how much they are asked, and whether what is captured of it is complete.',
  variables: [...modelVariables('many'), versionVariable()],
  ofModels: true,
  rows: {
    Now: [
      stat({
        title: 'p95 now',
        description: `Answer time that 95 % of the answers did not exceed. ${MEASURED}`,
        unit: 's',
        queries: [[latency(0.95), LEGEND]],
        limits: NO_LIMITS,
        width: 8,
        alerts: ['ModelLatencyHigh'],
      }),
      stat({
        title: 'Requests now',
        description: 'Inference requests a second; one request may have several instances.',
        unit: 'reqps',
        queries: [[rate(select(METRICS.inferenceRequests)), LEGEND]],
        limits: NO_LIMITS,
        width: 8,
        alerts: ['ModelTrafficLow'],
      }),
      stat({
        title: 'Errors now',
        description: 'Share of the requests without an answer.',
        unit: 'percentunit',
        queries: [[errorRatio(), LEGEND]],
        limits: worseFrom(0.01, 0.05),
        width: 8,
        alerts: ['ModelErrorRateHigh'],
      }),
    ],
    Latency: [
      ...([0.5, 0.95, 0.99] as const).map((quantile) =>
        lines({
          title: `Latency, p${quantile * 100}`,
          description: `Answer time that ${quantile * 100} % of the answers did not exceed. ${MEASURED}`,
          unit: 's',
          queries: [[latency(quantile), LEGEND]],
          limits: NO_LIMITS,
          width: 8,
          min: 0,
          alerts: ['ModelLatencyHigh'],
        }),
      ),
    ],
    Throughput: [
      lines({
        title: 'Requests and answers',
        description: 'Inference requests and answers a second: what lies between the lines got no answer.',
        unit: 'reqps',
        queries: [
          [rate(select(METRICS.inferenceRequests)), `${LEGEND} requests`],
          [rate(select(METRICS.inferenceResponses)), `${LEGEND} answers`],
        ],
        limits: NO_LIMITS,
        width: 12,
        min: 0,
      }),
      lines({
        title: 'Predictions',
        description: 'Predictions a second, one for each instance of a request.',
        unit: 'cps',
        queries: [[rate(select(METRICS.predictions)), LEGEND]],
        limits: NO_LIMITS,
        width: 6,
        min: 0,
      }),
      lines({
        title: 'Errors',
        description: 'Share of the requests without an answer. A response that the collector lost looks like an error.',
        unit: 'percentunit',
        queries: [[errorRatio(), LEGEND]],
        limits: worseFrom(0.01, 0.05),
        width: 6,
        min: 0,
        alerts: ['ModelErrorRateHigh'],
      }),
    ],
    Capture: CAPTURE,
  },
});
