import { setFlagsFromString } from 'node:v8';

/*
 * The loop that counts is entered some hundred thousand times and runs 2,048 rounds each time. Optimized while it runs (on-stack
 * replacement), V8 often keeps entering it through unoptimized code, which takes 1.7 times as long; optimized between two calls,
 * it is fast every time. `npm run bench:drift` measures it.
 */
setFlagsFromString('--no-use-osr');
