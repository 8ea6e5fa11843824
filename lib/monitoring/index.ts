export { AlertAggregation, AlertComparison } from './alert-condition';
export * from './alert-rule';
export * from './dashboards';
export * from './alert-routing';
export * from './drift-alerting';
export * from './feature-statistic';
export * from './receiver';
export * from './receiver-options';
