import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as Ranking from "../../src/Memory/Ranking.ts"

const now = Date.parse("2026-01-01")
const candidate = (id: string, more: Partial<Ranking.Candidate<string>> = {}): Ranking.Candidate<string> => ({
  id,
  memory: id,
  text: `text ${id}`,
  lexical: 1,
  importance: 0.5,
  saidAt: now - 1e12,
  isNamed: false,
  ...more
})
const order = (candidates: ReadonlyArray<Ranking.Candidate<string>>, options: Partial<Ranking.RankOptions> = {}) =>
  Ranking.rank(candidates, { now, best: 4, ...options }).map(({ id }) => id)

describe("Ranking", () => {
  it("does not let recency, importance or a name outweigh much higher relevance", () => {
    const best = candidate("a", { lexical: 3, importance: 0 })
    expect(order([candidate("b", { lexical: 2, importance: 1, saidAt: now, isNamed: true }), best])).toEqual(["a", "b"])
    expect(order([candidate("c", { lexical: 2.8, isNamed: true }), best])).toEqual(["c", "a"])
  })

  it("omits candidates with neither a term nor a near vector", () => {
    const far = candidate("far", { lexical: 0, vector: 0.3 })
    const near = candidate("near", { lexical: 0, vector: 0.7 })
    expect(order([far, near, candidate("none", { lexical: 0 })], { alpha: 0.3, floor: 0.5 })).toEqual(["near"])
    expect(order([far, near])).toEqual([])
  })

  it("is independent of the order of candidates, ties by id", () => {
    const one = fc.record({
      id: fc.string({ minLength: 1 }),
      lexical: fc.constantFrom(0, 1, 2),
      vector: fc.constantFrom(0, 0.5, 1),
      isNamed: fc.boolean()
    })
    fc.assert(
      fc.property(
        fc.uniqueArray(one, { selector: ({ id }) => id, maxLength: 12 }),
        fc.constantFrom(0, 0.3),
        (all, alpha) => {
          const candidates = all.map(({ id, ...more }) => candidate(id, more))
          expect(order(candidates.toReversed(), { alpha })).toEqual(order(candidates, { alpha }))
        }
      )
    )
  })

  it("weighs rare terms higher, and additional occurrences of a term less and less", () => {
    expect(Ranking.weightOf(100, 1)).toBeGreaterThan(Ranking.weightOf(100, 50))
    expect(Ranking.weightOf(100, 100)).toBeGreaterThan(0)
    const [one, two, many] = [1, 2, 1_000].map((frequency) => Ranking.saturated(frequency, 10, 10))
    expect(two! - one!).toBeLessThan(one!)
    expect(many).toBeLessThan(Ranking.parameters.k1 + 1)
    expect(Ranking.saturated(1, 100, 10)).toBeLessThan(one!)
  })
})
