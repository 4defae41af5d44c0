/** Tests of properties. */
import { it } from "@effect/vitest"
import * as FastCheck from "fast-check"

/** A test that checks a property against a number of values, or tuples of values. */
export const test =
  (numRuns: number) =>
  <Values extends [unknown, ...Array<unknown>]>(
    name: string,
    arbitraries: { [Index in keyof Values]: FastCheck.Arbitrary<Values[Index]> },
    holds: (...values: Values) => void
  ): void =>
    it(name, () => FastCheck.assert(FastCheck.property<Values>(...arbitraries, holds), { numRuns }))
