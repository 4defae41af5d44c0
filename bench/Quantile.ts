/** Statistics of several measurements. */

/** Linear between the two values next to it; NaN without values. */
export const quantile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * share
  const below = sorted[Math.floor(at)] ?? Number.NaN
  return below + ((sorted[Math.ceil(at)] ?? Number.NaN) - below) * (at % 1)
}

export const median = (values: ReadonlyArray<number>): number => quantile(values, 0.5)
