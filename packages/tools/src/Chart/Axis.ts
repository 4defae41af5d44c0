/** An axis with round numbers on it. */

export interface Axis {
  readonly min: number
  readonly max: number
  readonly step: number
  readonly ticks: ReadonlyArray<number>
}

const wanted = 6

/** Covers the values; `fromZero`: also zero, because readers compare lengths of bars. */
export const of = (values: ReadonlyArray<number>, fromZero: boolean): Axis => {
  let low = values.reduce((least, value) => Math.min(least, value), fromZero ? 0 : Infinity)
  let high = values.reduce((most, value) => Math.max(most, value), fromZero ? 0 : -Infinity)
  if (!Number.isFinite(low) || !Number.isFinite(high)) [low, high] = [0, 1]
  if (low === high) [low, high] = low === 0 ? [0, 1] : [Math.min(0, low * 2), Math.max(0, high * 2)]
  const step = roundStep((high - low) / wanted)
  const first = Math.floor(low / step)
  const last = Math.ceil(high / step)
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => exact((first + index) * step, step))
  return { min: ticks[0]!, max: ticks.at(-1)!, step, ticks }
}

/** The next of 1, 2, 5 and their multiples by ten. */
const roundStep = (rough: number): number => {
  const power = 10 ** Math.floor(Math.log10(rough))
  const fraction = rough / power
  return (fraction <= 1 ? 1 : fraction <= 2 ? 2 : fraction <= 5 ? 5 : 10) * power
}

/** Without the error of the multiplication. */
const exact = (value: number, step: number): number => Number(value.toFixed(decimals(step)))

const decimals = (step: number): number => Math.min(20, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)))

const units = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"]
] as const

/** `1.5M`; as many decimals as the step needs. */
export const label = (value: number, step: number): string => {
  const [size, unit] = units.find(([each]) => Math.abs(value) >= each && step >= each / 1_000) ?? [1, ""]
  return `${(value / size).toFixed(decimals(step / size))}${value === 0 ? "" : unit}`
}
