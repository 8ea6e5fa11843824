export * from './model';
export * from './monitoring';
export * from './platform';
export * from './serving';
export * from './training';
export * from './validation';
