export * from './feature';
export * from './model';
export * from './model-task';
export { type ModelObjectives } from './objectives';
export * from './quality-gates';
