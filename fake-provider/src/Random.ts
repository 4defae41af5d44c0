/** Draws that are the same for the same seed. Source: mulberry32. */

export interface Random {
  /** From 0 to below 1. */
  readonly next: () => number
  readonly one: <A>(all: ReadonlyArray<A>) => A
  /** True for this share of draws. */
  readonly maybe: (share: number) => boolean
  /** A whole number from `least` to `most`. */
  readonly between: (least: number, most: number) => number
  /** The same letters in some case: as they are, large, small, or with large initials. */
  readonly cased: (text: string) => string
}

export const of = (seed: number): Random => {
  let state = (seed * 0x9e3779b1) >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  const one = <A>(all: ReadonlyArray<A>): A => all[Math.floor(next() * all.length)]!
  const cases = [
    (text: string) => text,
    (text: string) => text.toUpperCase(),
    (text: string) => text.toLowerCase(),
    (text: string) => text.replace(/\b[a-z]/g, (letter) => letter.toUpperCase())
  ]
  return {
    next,
    one,
    maybe: (share) => next() < share,
    between: (least, most) => least + Math.floor(next() * (most - least + 1)),
    cased: (text) => one(cases)(text)
  }
}
