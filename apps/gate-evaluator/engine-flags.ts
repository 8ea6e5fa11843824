import { setFlagsFromString } from 'node:v8';

/*
 * A gate file of thousands of checks is read, judged and written within one second, all of it garbage: V8 would let its young generation
 * grow to 48 MB for that. Kept small, the whole program needs 30 MB less, in the same time (`npm run bench:gates`).
 */
setFlagsFromString('--semi-space-growth-factor=1');
