/** How long a task waits before a retry. */
import { describe, expect, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import { backoff } from "../../src/Decision/Backoff.ts"

describe("the backoff", () => {
  const retry = FastCheck.record({
    attempts: FastCheck.integer({ min: 1, max: 2_000 }),
    initialMillis: FastCheck.oneof(FastCheck.constant(0), FastCheck.double({ min: 0, max: 1e22, noNaN: true })),
    factor: FastCheck.double({ min: 1, max: 1e300, noNaN: true }),
    maxMillis: FastCheck.double({ min: 0, max: 1e22, noNaN: true })
  })
  const jitter = FastCheck.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  const retryAfter = FastCheck.option(FastCheck.double({ min: 0, max: 1e22, noNaN: true }), { nil: undefined })

  it("stays below its bound, never ends before the provider's time, and fits into a timer", () => {
    FastCheck.assert(
      FastCheck.property(
        retry,
        FastCheck.integer({ min: 1, max: 2_000 }),
        jitter,
        retryAfter,
        (retry, attempt, jitter, retryAfter) => {
          const delay = backoff(retry, attempt, jitter, retryAfter)
          expect(Number.isInteger(delay) && delay >= 0 && delay <= 2 ** 31 - 1).toBe(true)
          expect(delay).toBeLessThanOrEqual(Math.ceil(Math.max(retry.maxMillis, retryAfter ?? 0)))
          if (retryAfter !== undefined && retryAfter < 1e9) expect(delay).toBeGreaterThanOrEqual(retryAfter)
        }
      ),
      { numRuns: 1_000 }
    )
  })

  it("grows by its factor up to its maximum", () => {
    const retry = { attempts: 9, initialMillis: 100, factor: 2, maxMillis: 500 }
    const delays = [1, 2, 3, 4, 9].map((attempt) => backoff(retry, attempt, 0.5, undefined))
    expect(delays).toEqual([50, 100, 200, 250, 250])
    expect(backoff(retry, 1, 0.5, 3_000)).toBe(3_000)
  })
})
