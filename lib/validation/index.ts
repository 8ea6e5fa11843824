export { ValidationError } from './problems';
