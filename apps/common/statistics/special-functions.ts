import { requirePositive, requireProbability } from './checks';

const LOG_SQRT_2PI = 0.9189385332046727;

/** B_2k / (2k (2k - 1)), k = 8..1: Stirling's series, exact to rounding from x = 10 on. */
const STIRLING = [-3617 / 122400, 1 / 156, -691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12];
const STIRLING_FROM = 10;

/**
 * Natural logarithm of the gamma function for x > 0, by Stirling's series after lifting x with
 * gamma(x + 1) = x gamma(x). Absolute accuracy 1e-14 near the zeros at 1 and 2, relative elsewhere.
 *
 * Source: Abramowitz & Stegun 6.1.41; `scipy.special.gammaln`.
 *
 * @throws RangeError when x is not a finite number above 0
 */
export function logGamma(x: number): number {
  requirePositive('argument of logGamma', x);
  // At the zeros the difference below would leave a rounding error.
  if (x === 1 || x === 2) return 0;
  let lifted = x;
  let product = 1;
  while (lifted < STIRLING_FROM) {
    product *= lifted;
    lifted++;
  }
  return (lifted - 0.5) * Math.log(lifted) - lifted + LOG_SQRT_2PI + stirlingTail(lifted) - Math.log(product);
}

/**
 * P(X >= x) for X chi-square distributed: the regularized upper incomplete gamma function Q(df / 2, x / 2), by the
 * series of its complement left of the mean and by Legendre's continued fraction right of it, hence with a relative
 * accuracy of 1e-10 in the far tail, too.
 *
 * Source: Abramowitz & Stegun 6.5.29 and 6.5.31; the common factor after C. Loader, "Fast and accurate computation of
 * binomial probabilities", 2000; `scipy.stats.chi2.sf`.
 *
 * @throws RangeError when x is not a number or degreesOfFreedom is not a finite number above 0
 */
export function chiSquareSurvival(x: number, degreesOfFreedom: number): number {
  if (Number.isNaN(x)) throw new RangeError(`argument of chiSquareSurvival: got ${x}, expected a number`);
  requirePositive('degrees of freedom', degreesOfFreedom);
  if (x <= 0) return 1;
  const shape = degreesOfFreedom / 2;
  const half = x / 2;
  const factor = poissonDensity(shape, half);
  if (half < shape + 1) return 1 - factor * lowerSeries(shape, half);
  // Checked first: an infinite x would make the fraction 0 times NaN.
  return factor === 0 ? 0 : factor * shape * upperFraction(shape, half);
}

/**
 * The z with P(Z <= z) = p for a standard normal Z; relative accuracy 1e-15. 0 and 1 give the infinities.
 *
 * Source: M. J. Wichura, algorithm AS 241 (PPND16), Applied Statistics 37, 1988; `scipy.stats.norm.ppf`.
 *
 * @throws RangeError when p is not in 0..1
 */
export function normalQuantile(p: number): number {
  requireProbability('argument of normalQuantile', p);
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) {
    const r = 0.180625 - q * q;
    return (q * polynomial(CENTRE.numerator, r)) / polynomial(CENTRE.denominator, r);
  }
  const tail = q < 0 ? p : 1 - p;
  if (tail === 0) return q < 0 ? -Infinity : Infinity;
  const r = Math.sqrt(-Math.log(tail));
  const [{ numerator, denominator }, shifted] = r <= 5 ? [TAIL, r - 1.6] : [FAR_TAIL, r - 5];
  return (Math.sign(q) * polynomial(numerator, shifted)) / polynomial(denominator, shifted);
}

/**
 * P(K >= x) for Kolmogorov's distribution, the limit of sqrt(n) D_n:
 *
 *     2 sum (-1)^(k-1) exp(-2 k^2 x^2)  =  1 - sqrt(2 pi) / x sum exp(-(2k - 1)^2 pi^2 / (8 x^2)),  k = 1, 2, ...
 *
 * The first series converges fast for large x and keeps the tail's relative accuracy, the second for small x.
 *
 * Source: A. Kolmogorov 1933, W. Feller 1948; `scipy.stats.kstwobign.sf`.
 *
 * @throws RangeError when x is not a number
 */
export function kolmogorovSurvival(x: number): number {
  if (Number.isNaN(x)) throw new RangeError(`argument of kolmogorovSurvival: got ${x}, expected a number`);
  if (x <= 0) return 1;
  if (x < 0.8) {
    const rate = (Math.PI * Math.PI) / (8 * x * x);
    let sum = 0;
    // The next term, exp(-49 rate), is below 1e-41.
    for (const odd of [5, 3, 1]) sum += Math.exp(-odd * odd * rate);
    return sum === 0 ? 1 : 1 - (Math.sqrt(2 * Math.PI) / x) * sum;
  }
  let sum = 0;
  // The next term, exp(-72 x^2), is below 1e-20 and falls faster than the sum.
  for (let k = 5; k >= 1; k--) sum = Math.exp(-2 * k * k * x * x) - sum;
  return 2 * sum;
}

const CENTRE = {
  numerator: [
    2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457, 13731.693765509461125,
    1971.5909503065514427, 133.14166789178437745, 3.387132872796366608,
  ],
  denominator: [
    5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867, 5394.1960214247511077,
    687.1870074920579083, 42.313330701600911252, 1,
  ],
};
const TAIL = {
  numerator: [
    7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
    3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734,
  ],
  denominator: [
    1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
    0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1,
  ],
};
const FAR_TAIL = {
  numerator: [
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
    0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772,
  ],
  denominator: [
    2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
    0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1,
  ],
};

/** Horner's rule, highest power first. */
function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0);
}

/** ln gamma(x) less (x - 1/2) ln x - x + ln sqrt(2 pi), for x >= STIRLING_FROM. */
function stirlingTail(x: number): number {
  return polynomial(STIRLING, 1 / (x * x)) / x;
}

/** ln gamma(a + 1) less (a + 1/2) ln a - a + ln sqrt(2 pi). */
function stirlingError(a: number): number {
  // Above the threshold the difference would cancel; gamma(a + 1) = a gamma(a) turns it into the tail itself.
  return a >= STIRLING_FROM ? stirlingTail(a) : logGamma(a + 1) - (a + 0.5) * Math.log(a) + a - LOG_SQRT_2PI;
}

/**
 * x^a e^-x / gamma(a + 1), Loader's way. Taken literally, the exponent is a small difference of terms as large as
 * a ln a, which costs a digit for each power of ten in a.
 */
function poissonDensity(a: number, x: number): number {
  if (x === Infinity) return 0;
  return Math.exp(-stirlingError(a) - deviance(a, x)) / Math.sqrt(2 * Math.PI * a);
}

/** a ln(a / x) + x - a, by a series in (a - x) / (a + x) where the three terms nearly cancel. */
function deviance(a: number, x: number): number {
  if (Math.abs(a - x) >= 0.1 * (a + x)) return a * Math.log(a / x) + x - a;
  const v = (a - x) / (a + x);
  let sum = (a - x) * v;
  let term = 2 * a * v;
  for (let odd = 3; odd <= 31; odd += 2) {
    term *= v * v;
    sum += term / odd;
  }
  return sum;
}

/** 1 + x/(a+1) + x^2/((a+1)(a+2)) + ..., the lower incomplete gamma function over its leading factor. */
function lowerSeries(a: number, x: number): number {
  let sum = 1;
  let term = 1;
  for (let n = 1; term > sum * Number.EPSILON; n++) {
    term *= x / (a + n);
    sum += term;
  }
  return sum;
}

/** 1/(x+1-a - 1(1-a)/(x+3-a - 2(2-a)/(x+5-a - ...))) by Lentz's method, for x >= a + 1, where it always converges. */
function upperFraction(a: number, x: number): number {
  const tiny = 1e-300;
  // Rounding can keep the change a few units in the last place off 1 for ever.
  const settled = 1e-14;
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let fraction = d;
  for (let n = 1, change = 0; Math.abs(change - 1) > settled; n++) {
    const numerator = -n * (n - a);
    b += 2;
    d = 1 / (numerator * d + b || tiny);
    c = b + numerator / c || tiny;
    change = c * d;
    fraction *= change;
  }
  return fraction;
}
