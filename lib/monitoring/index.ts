export { AlertAggregation, AlertComparison } from './alert-condition';
export * from './alert-rule';
export * from './drift-alerting';
export * from './feature-statistic';
