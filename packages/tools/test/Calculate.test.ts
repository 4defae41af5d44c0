import { ToolContext } from "@crewline/core/testing"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fc from "fast-check"
import * as Calculate from "../src/Calculate.ts"

const context = ToolContext.make()

const calculate = (expression: string) => Calculate.tool.execute({ expression }, context)

const value = (expression: string): unknown => Effect.runSync(calculate(expression))
const mistake = (expression: string): string => Effect.runSync(Effect.flip(calculate(expression))).message

/** An expression, and its value as JavaScript computes it. */
interface Pair {
  readonly text: string
  readonly value: number
  /** How tightly it binds: 1 sums, 2 products, 3 signs, 4 powers, 5 the rest. */
  readonly level: number
}

const inside = (pair: Pair, level: number): string => (pair.level < level ? `(${pair.text})` : pair.text)

const pairs: fc.Arbitrary<Pair> = fc.letrec<{ any: Pair }>((tie) => {
  const binary = (symbol: string, apply: (a: number, b: number) => number, level: number) =>
    fc.tuple(tie("any"), tie("any"), fc.constantFrom("", " ", "  ")).map(([a, b, space]) => ({
      text: `${inside(a, level)}${space}${symbol}${space}${inside(b, level + 1)}`,
      value: apply(a.value, b.value),
      level
    }))
  return {
    any: fc.oneof(
      { maxDepth: 6, depthSize: "large" },
      fc.nat(50).map((n) => ({ text: `${n}`, value: n, level: 5 })),
      fc.tuple(fc.nat(99), fc.nat(99)).map(([a, b]) => ({ text: `${a}.${b}`, value: Number(`${a}.${b}`), level: 5 })),
      binary("+", (a, b) => a + b, 1),
      binary("-", (a, b) => a - b, 1),
      binary("*", (a, b) => a * b, 2),
      binary("/", (a, b) => a / b, 2),
      binary("%", (a, b) => a % b, 2),
      fc.tuple(tie("any"), tie("any")).map(([a, b]) => ({
        text: `${inside(a, 5)}^${inside(b, 3)}`,
        value: a.value ** b.value,
        level: 4
      })),
      tie("any").map((a) => ({ text: `-${inside(a, 3)}`, value: -a.value, level: 3 })),
      tie("any").map((a) => ({ text: `(${a.text})`, value: a.value, level: 5 })),
      fc.tuple(tie("any"), tie("any")).map(([a, b]) => ({
        text: `max(${a.text}, ${b.text})`,
        value: Math.max(a.value, b.value),
        level: 5
      })),
      fc.tuple(tie("any"), tie("any"), tie("any")).map(([a, b, c]) => ({
        text: `avg(${a.text}, ${b.text}, ${c.text})`,
        value: (a.value + b.value + c.value) / 3,
        level: 5
      })),
      tie("any").map((a) => ({ text: `abs(${a.text})`, value: Math.abs(a.value), level: 5 }))
    )
  }
}).any

describe("calculate", () => {
  it("agrees with JavaScript on every expression that has a value", () => {
    let computed = 0
    fc.assert(
      fc.property(pairs, ({ text, value: expected }) => {
        const result = Effect.runSync(Effect.result(calculate(text)))
        if (result._tag === "Failure") {
          // Infinity may come and go inside (1 / (1 / 0)); we stop at the first.
          assert.match(result.failure.message, /zero|too large|cannot have a fractional exponent|levels|longer/i)
          return
        }
        computed += 1
        const actual = Number(result.success)
        assert.closeTo(actual, expected, Math.abs(expected) * 1e-13 + 1e-300, text)
      }),
      { numRuns: 3_000 }
    )
    assert.isAbove(computed, 1_500)
  })

  it("computes nothing and throws nothing for text that is no expression", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[-+*/%^()., 0-9a-e]{0,30}$/)), (text) => {
        const result = Effect.runSync(Effect.result(calculate(text)))
        if (result._tag === "Success") assert.isTrue(Number.isFinite(result.success))
        else assert.strictEqual(result.failure._tag, "ToolRetry")
      }),
      { numRuns: 3_000 }
    )
  })

  const values: ReadonlyArray<readonly [string, number]> = [
    ["1 + 2 * 3", 7],
    ["(1 + 2) * 3", 9],
    ["10 - 4 - 3", 3],
    ["2 ^ 3 ^ 2", 512],
    ["-2 ^ 2", -4],
    ["2 ^ -1", 0.5],
    ["2 ** 10", 1024],
    ["--3", 3],
    ["7 % 4 * 2", 6],
    ["1.5e3 + .5", 1500.5],
    ["12 × 3 ÷ 4 − 1", 8],
    ["0.1 + 0.2", 0.3],
    ["1.1 * 10", 11],
    ["2 ^ 60", 2 ** 60],
    ["round(2.5) + round(-2.5)", 0],
    ["round(1.005, 2)", 1.01],
    ["round(1234.5, -2)", 1200],
    ["round(1e21)", 1e21],
    ["SQRT(16) + abs(-2) + floor(2.9) + ceil(2.1)", 11],
    ["sum(1, 2, 3.5) / avg(2; 4)", 6.5 / 3],
    ["min(3, 1, 2) + max(3)", 4],
    ["round(pi, 4) + round(e, 2)", 5.8616]
  ]
  for (const [expression, expected] of values) {
    it(`${expression} = ${expected}`, () => {
      assert.closeTo(Number(value(expression)), expected, Math.abs(expected) * 1e-14)
    })
  }

  it("gives zero without a sign", () => {
    assert.isTrue(Object.is(value("-0"), 0))
    assert.isTrue(Object.is(value("round(-0.2)"), 0))
  })

  const mistakes: ReadonlyArray<readonly [string, RegExp]> = [
    ["1 + (2 * 3", /^The "\(" is never closed\. \(at character 5\)\n1 \+ \(2 \* 3\n {4}\^$/],
    ["1 + 2)", /not "\)"\. There is no open parenthesis here\. \(at character 6\)/],
    ["2(3)", /not "\("\. Write \* to multiply\. \(at character 2\)/],
    ["2 pi", /not "pi"/],
    ["2pi", /not "2pi"\. Write \* to multiply\. \(at character 1\)/],
    ["1 +", /Expected a number, but the expression ends\. \(at character 4\)/],
    ["1.2.3", /not "1\.2\.3"/],
    ["1,234 + 1", /^Write 1234 for 1,234: commas separate arguments\./],
    ["20%", /for percent, write \/ 100/],
    ["1 / (2 - 2)", /^Cannot divide by zero\. \(at character 3\)/],
    ["5 % 0", /^Cannot take the remainder by zero/],
    ["sqrt(-1)", /no square root/],
    ["(-8) ^ 0.5", /cannot have a fractional exponent/],
    ["0 ^ -1", /cannot have a negative exponent/],
    ["9 ^ 9 ^ 9", /too large/],
    ["sin(1)", /^Unknown name "sin": expected one of pi, e and the functions abs, avg/],
    ["max()", /"max" takes at least one number, not 0/],
    ["abs(1, 2)", /"abs" takes one number, not 2/],
    ["round(1.5, 0.5)", /whole number of digits/],
    ["sqrt 4", /"sqrt" is a function: write sqrt\(…\)/],
    ["process.exit(1)", /Unknown name "process"/],
    ["  ", /The expression is empty/],
    [`${"(".repeat(200)}1${")".repeat(200)}`, /nested more than 100 levels/],
    ["1+".repeat(2_000), /longer than 2000 characters/],
    [`${"1 + ".repeat(30)}x + 1`, /Unknown name "x".*\n….*x \+ 1\n +\^$/]
  ]
  for (const [expression, message] of mistakes) {
    it(`says what is wrong with ${expression.slice(0, 20)}`, () => {
      assert.match(mistake(expression), message)
    })
  }

  it("puts the mark under the place, also in a long line", () => {
    const [, line = "", mark = ""] = mistake(`${"1 + ".repeat(30)}x + 1`).split("\n")
    assert.strictEqual(line[mark.indexOf("^")], "x")
  })
})
