import builder from 'junit-report-builder';
import { type EvaluationRecord } from './evaluation-table';

/**
 * An evaluation as JUnit XML, a test case a check: what fails the gate is a failure, what only warns is not.
 *
 * @see https://github.com/testmoapp/junitxml for the format that CI servers read
 */
export function evaluationJunit({ model, at, checks }: EvaluationRecord): string {
  const report = builder.newBuilder();
  const suite = report.testSuite().name(`${model} quality gates`).timestamp(at);
  for (const { check, metric, verdict, severity, reason, rule } of checks) {
    const test = suite.testCase().className(`${model}.${metric}`).name(check).time(0);
    const text = `${reason} (expected: ${rule})`;
    if (verdict === 'pass') test.standardOutput(text);
    else if (severity === 'warn') test.standardOutput(`warning: ${text}`);
    else if (verdict === 'inconclusive') test.error(`inconclusive: ${text}`, 'inconclusive');
    else test.failure(text, 'gate');
  }
  return report.build();
}
