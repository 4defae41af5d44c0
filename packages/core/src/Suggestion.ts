/**
 * "Did you mean …": the name among the known ones that was probably meant, by spelling. Bounded:
 * one `Suggester` compares at most a fixed number of names and letters, so that a crew of 10,000
 * misspelt names costs no more than a short one.
 */

export interface Suggester {
  /** The closest name, or nothing when none is close. */
  readonly closest: (name: string, candidates: Iterable<string>) => string | undefined
}

const maxComparisons = 200_000
/** Pairs of letters: names as long as can be would cost seconds otherwise. */
const maxPairs = 5_000_000
const maxLength = 64

export const make = (): Suggester => {
  let comparisons = 0
  let pairs = 0
  return {
    closest: (name, candidates) => {
      if (name.length > maxLength) return undefined
      const folded = fold(name)
      let best: string | undefined
      // A third of the letters may be wrong, and never all: more is another name.
      let least = Math.min(Math.floor(Math.max(folded.length, 3) / 3) + 1, folded.length)
      for (const candidate of candidates) {
        if (comparisons++ > maxComparisons || pairs > maxPairs) return undefined
        if (candidate.length > maxLength || Math.abs(candidate.length - name.length) > least + 3) continue
        pairs += name.length * candidate.length
        const distance = edits(folded, fold(candidate), least)
        if (distance < least) {
          least = distance
          best = candidate
        }
      }
      return best
    }
  }
}

/** Case, underscores and hyphens do not count: `expected_output` is `expectedOutput`. */
const fold = (name: string): string => name.toLowerCase().replaceAll(/[_-]/g, "")

/**
 * Optimal string alignment distance (insert, delete, replace, swap neighbours); anything from
 * `limit` on is `limit`.
 */
const edits = (a: string, b: string, limit: number): number => {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let before: Array<number> = []
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    let least = i
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min(previous[j]! + 1, current[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1)
      current.push(cost)
      least = Math.min(least, cost)
    }
    if (least >= limit) return limit
    before = previous
    previous = current
  }
  return Math.min(previous[b.length]!, limit)
}
