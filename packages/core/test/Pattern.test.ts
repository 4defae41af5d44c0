import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as fc from "fast-check"
import * as Pattern from "../src/Pattern.ts"

const matches = (source: string, text: string): boolean | string => {
  const result = Result.flatMap(Pattern.make(source), (pattern) => pattern.test(text))
  return Result.isFailure(result) ? result.failure : result.success
}

/**
 * Whether it matches anywhere. V8 also tries an empty match between the surrogates of a character
 * outside the basic plane, where ECMA-262 never starts one (`/(?!$|^)/u` on one such character), so
 * each position is tried separately.
 */
const regExpMatches = (source: string, text: string): boolean => {
  const pattern = new RegExp(source, "uy")
  for (let at = 0; at <= text.length; at += text.codePointAt(at)! > 0xffff ? 2 : 1) {
    pattern.lastIndex = at
    if (pattern.test(text)) return true
  }
  return false
}

const agrees = (source: string, text: string): void => {
  const expected = regExpMatches(source, text)
  if (matches(source, text) !== expected) assert.fail(`RegExp says ${expected}: ${JSON.stringify({ source, text })}`)
}

const refusal = (source: string): string => {
  const pattern = Pattern.make(source)
  return Result.isFailure(pattern) ? pattern.failure : ""
}

/**
 * Differences between engines: white space, line ends, word characters, unpaired surrogates, case
 * without folding.
 */
const characters = [..."ab1_-é\n\r\v\f\t\u00a0\u2028\ufeff\u0000\b.[]^$😀\u200b\u3000Aſ\u212a", "\ud800", "\udc00"]

const atoms =
  String.raw`a b 1 é 😀 - . \s \S \w \W \d \D [^] [] [\b] [^a] [a-c_] [\s\d] [^\S] \p{L} \P{L} [^\p{L}\s] \p{Script=Greek}
  \u{1F600} \uD83D\uDE00 \uD800 \x61 \cJ \n \0 \. \/ \$ [\]a] [\[] [\u{61}-\u{63}]`.split(/\s+/)
const assertions = ["^", "$", "\\b", "\\B"]
const quantifiers = ["", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,}", "{0,2}", "{2,3}?", "{0}"]

const source: fc.Arbitrary<string> = fc.letrec<{ term: string; choice: string }>((tie) => ({
  term: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    {
      arbitrary: fc.tuple(fc.constantFrom(...atoms), fc.constantFrom(...quantifiers)).map(([a, q]) => a + q),
      weight: 6
    },
    { arbitrary: fc.constantFrom(...assertions), weight: 2 },
    {
      arbitrary: fc
        .tuple(fc.constantFrom("(", "(?:", "(?<name>"), tie("choice"), fc.constantFrom(...quantifiers))
        .map(([open, inner, quantifier]) => `${open}${inner})${quantifier}`),
      weight: 3
    },
    {
      arbitrary: fc
        .tuple(fc.constantFrom("(?=", "(?!", "(?<=", "(?<!"), tie("choice"))
        .map(([open, inner]) => `${open}${inner})`),
      weight: 2
    }
  ),
  choice: fc
    .array(
      fc.array(tie("term"), { maxLength: 4 }).map((terms) => terms.join("")),
      { minLength: 1, maxLength: 3 }
    )
    .map((parts) => parts.join("|"))
})).choice

const isValid = (pattern: string): boolean => {
  try {
    return new RegExp(pattern, "u") instanceof RegExp
  } catch {
    return false
  }
}

describe("Pattern", () => {
  it("agrees with RegExp, for every pattern and text", () => {
    const text = fc
      .array(fc.constantFrom(...characters, ...characters.slice(0, 6)), { maxLength: 8 })
      .map((all) => all.join(""))
    fc.assert(
      fc.property(source.filter(isValid), fc.array(text, { minLength: 1, maxLength: 8 }), (pattern, texts) => {
        fc.pre(refusal(pattern) !== "has more than 16 lookarounds")
        for (const one of texts) agrees(pattern, one)
      }),
      { numRuns: 500 }
    )
  })

  it("starts no match within a character", () => {
    for (const pattern of ["(?!$|^)|a", "(?<!^)(?!$)", "[^]??(?!$|^)"]) assert.isFalse(matches(pattern, "😀"))
  })

  it("agrees with RegExp on single characters, alone and next to others", () => {
    for (const atom of [...atoms, "^.$", "^\\S+$", "a|b", "(?<x>a)b?", "\\Ba", "a\\b"]) {
      for (const first of characters) for (const second of ["", ...characters]) agrees(atom, first + second)
    }
  })

  it.each([
    [
      "an e-mail address, as Zod has it",
      String.raw`^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$`,
      ["a.b@c.de", ".a@c.de", "a..b@c.de", "a@c"]
    ],
    ["a password", String.raw`^(?=.*\d)(?=.*[a-z])(?=.*[A-Z]).{8,}$`, ["abcdefG1", "abcdefgh1", "aB1"]],
    ["a price, not after a dollar", String.raw`(?<!\$)\b\d+(?:\.\d\d)?\b`, ["costs 12.50", "costs $12", "$1"]],
    [
      "a duration",
      String.raw`^P(?:(\d+W)|(?!.*W)(?=\d|T\d)(\d+Y)?(\d+M)?(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?)$`,
      ["P3W", "PT5M", "P", "P1YT", "P1Y2W"]
    ]
  ] as const)("matches %s", (_, pattern, texts) => {
    for (const text of texts) agrees(pattern, text)
  })

  it.each([
    ["^(a+)+$", `${"a".repeat(50_000)}!`],
    ["(a|a)*b", "a".repeat(50_000)],
    ["^(\\w+\\s?)*$", `${"word ".repeat(10_000)}!`],
    ["(.*)(.*)(.*)x", "y".repeat(50_000)],
    ["(?=(a+)+$)b", "a".repeat(50_000)],
    ["(?<=^(a+)+)b", `${"a".repeat(50_000)}!b`]
  ])("matches %s in linear time", (pattern, text) => {
    // RegExp would not terminate within a lifetime.
    assert.isFalse(matches(pattern, text))
  })

  it.each([
    ["(", "is not a valid regular expression: Unterminated group"],
    ["/u: (", "is not a valid regular expression: Unterminated group"],
    ["(a)\\1", "has a backreference at 3, which cannot be matched in linear time"],
    ["(?<x>a)\\k<x>", "has a backreference at 7, which cannot be matched in linear time"],
    ["(?i:a)", "has group modifiers at 0, which are not supported"],
    ["a{1001}", "repeats more than 1000 times at 1"],
    ["a{0,1001}", "repeats more than 1000 times at 1"],
    ["a{1001,}", "repeats more than 1000 times at 1"],
    ["((a{100}){100}){100}", "is too large: it compiles to more than 5000 steps"],
    ["(((((){1000}){1000}){1000}){1000}){1000}", "is too large: it compiles to more than 5000 steps"],
    ["(?=a)".repeat(17), "has more than 16 lookarounds"],
    ["(".repeat(101) + ")".repeat(101), "has groups nested more than 100 levels deep"],
    ["a".repeat(5_001), "is longer than 5000 characters, the maximum for a regular expression"]
  ])("refuses %s", (pattern, reason) => {
    assert.strictEqual(refusal(pattern), reason)
  })

  it("rejects a text that is too long for its pattern, whatever it has cached for other texts", () => {
    const pattern = "[ab]{0,999}[ab]{0,999}c"
    const long = "ab".repeat(10_000)
    const message = "takes too many steps for a text of 20000 characters"
    assert.strictEqual(matches(pattern, long), message)
    for (const text of ["ab".repeat(500), "abc", "ab".repeat(1_000)]) matches(pattern, text)
    assert.strictEqual(matches(pattern, long), message)
    assert.isTrue(matches(pattern, "abc"))
  })

  it("agrees with RegExp on Unicode properties, in classes and outside, and on text that only looks like one", () => {
    for (const pattern of ["\\p{L}+", "[\\p{L}-]", "\\\\p", "\\P{Script=Greek}", "[^\\p{Lu}\\p{Nd}]"]) {
      assert.strictEqual(Pattern.syntaxProblem(pattern), undefined, pattern)
    }
    for (const pattern of ["\\p{Nothing}", "\\p{L", "\\p", "[\\p{L}-a]", "\\\\p{L}", "\\p{L}("]) {
      assert.throws(() => new RegExp(pattern, "u"))
      assert.isString(Pattern.syntaxProblem(pattern), pattern)
    }
  })

  it("is compiled when it is tested, not when it is created", () => {
    // Their programs together would have five million steps.
    for (let index = 0; index < 1_000; index++) assert.strictEqual(refusal(`(?:${index}x{990}){4}`), "")
  })

  it("accepts a long text for a simple pattern", () => {
    assert.isTrue(matches("\\bneedle\\b", `${"hay ".repeat(250_000)}needle`))
    assert.isFalse(matches("^\\s*\\{.*\\}\\s*$", `{${"x".repeat(500_000)}`))
  })
})
