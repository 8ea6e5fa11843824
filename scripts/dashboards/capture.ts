import { CAPTURE_OUTCOMES, METRICS } from 'cdk8s-mlops/contract';
import { NO_LIMITS, worseFrom } from './limits';
import { lines } from './panels';
import { MODEL, rate, select } from './queries';

const shed = Object.values(CAPTURE_OUTCOMES).filter((outcome) => outcome.startsWith('shed_'));

/** Whether what is captured of requests and answers is complete. */
export const CAPTURE = [
  lines({
    title: 'Events shed',
    description:
      'Events a second that the collectors could not keep, by what was short. Each is a gap in the prediction log.',
    unit: 'cps',
    queries: [
      [
        rate(select(METRICS.captureEvents, [`outcome=~"${shed.join('|')}"`]), `${MODEL}, outcome`),
        '{{model}} {{outcome}}',
      ],
    ],
    limits: worseFrom(0.001),
    width: 8,
    min: 0,
    alerts: ['CaptureShedding'],
  }),
  lines({
    title: 'Fullest buffer',
    description: "Share of a collector's buffer that waits for the object store, of the fullest one.",
    unit: 'percentunit',
    queries: [
      [
        `max by (${MODEL}) (${select(METRICS.captureBufferBytes)} / ${select(METRICS.captureBufferLimit)})`,
        '{{model}}',
      ],
    ],
    limits: worseFrom(0.5, 0.9),
    width: 8,
    min: 0,
    max: 1,
    alerts: ['CaptureBufferFilling'],
  }),
  lines({
    title: 'Uploads',
    description: 'Attempts a second to bring a segment to the object store, by what became of them.',
    unit: 'cps',
    queries: [[rate(select(METRICS.captureUploads), `${MODEL}, outcome`), '{{model}} {{outcome}}']],
    limits: NO_LIMITS,
    width: 8,
    min: 0,
    alerts: ['CaptureBufferFilling'],
  }),
  lines({
    title: 'Findings',
    description: 'What is wrong with events that were stored, events a second by kind.',
    unit: 'cps',
    queries: [[rate(select(METRICS.captureFindings), `${MODEL}, kind`), '{{model}} {{kind}}']],
    limits: worseFrom(0.001),
    width: 12,
    min: 0,
  }),
  lines({
    title: 'Rows of the last compaction',
    description: 'Predictions that the last compaction that had something to do added to the log.',
    unit: 'short',
    queries: [[`max by (${MODEL}) (${select(METRICS.compactionRows)})`, '{{model}}']],
    limits: NO_LIMITS,
    width: 12,
    min: 0,
  }),
];
