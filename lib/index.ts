export * from './model';
export * from './platform';
export * from './training';
export * from './validation';
