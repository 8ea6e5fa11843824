export * from './alert-rule';
export * from './drift-alerting';
