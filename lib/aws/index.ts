export * from './gpu-node-group';
export * from './model-bucket';
