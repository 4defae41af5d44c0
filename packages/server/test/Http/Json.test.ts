import * as Json from "../../src/Http/Json.ts"
import * as Result from "effect/Result"
import { build } from "esbuild"
import * as FastCheck from "fast-check"
import { createRequire } from "node:module"
import { runInThisContext } from "node:vm"
import { describe, expect, it } from "vitest"

const problemOf = (text: string) => Result.getOrThrow(Result.flip(Json.parse(text)))

describe("Json", () => {
  it("agrees with the engine about valid JSON and its value", () => {
    const texts = FastCheck.oneof(
      FastCheck.jsonValue().map((value) => JSON.stringify(value)),
      FastCheck.jsonValue().map((value) => JSON.stringify(value, null, 2)),
      // Almost JSON: one character of a text is replaced.
      FastCheck.tuple(
        FastCheck.json(),
        FastCheck.nat(),
        FastCheck.constantFrom(...'{}[]":,\\0-+.eEtfn \n\t\u0001x')
      ).map(([text, at, character]) => {
        const index = at % text.length
        return text.slice(0, index) + character + text.slice(index + 1)
      })
    )
    FastCheck.assert(
      FastCheck.property(texts, (text) => {
        let expected: unknown
        let isJson = true
        try {
          expected = JSON.parse(text)
        } catch {
          isJson = false
        }
        const parsed = Json.parse(text)
        expect(Result.isSuccess(parsed)).toBe(isJson)
        if (Result.isSuccess(parsed)) expect(parsed.success.value).toEqual(expected)
      }),
      { numRuns: 5_000 }
    )
  })

  it.each([
    ["", 1, 1],
    ["{", 1, 2],
    ['{"a" 1}', 1, 6],
    ['{\n  "a": 1,\n}', 3, 1],
    ['["a\nb"]', 1, 4],
    ['["\\x"]', 1, 3],
    ["[1,\n 2\n 3]", 3, 2],
    ["{} {}", 1, 4],
    ["{'a': 1}", 1, 2],
    ["nul", 1, 1],
    ['{"a": 1 /* b', 1, 9],
    ["[1.]", 1, 2],
    ['["abc', 1, 6]
  ])("reports the position of the error in %j", (text, line, column) => {
    expect(problemOf(text)).toMatchObject({ line, column })
  })

  it("finds duplicate keys, also in nested objects and with escapes", () => {
    const { duplicates } = Result.getOrThrow(
      Json.parse('{"a": {"b": 1,\n "\\u0062": 2}, "c": [{"d": 1, "d": 2, "d": 3}], "a": 0, "__proto__": 1}')
    )
    expect(duplicates).toEqual([
      { path: ["a", "b"], line: 2, column: 2 },
      { path: ["c", 0, "d"], line: 2, column: 31 },
      { path: ["c", 0, "d"], line: 2, column: 39 },
      { path: ["a"], line: 2, column: 49 }
    ])
  })

  it("lists a hundred duplicate keys, and counts the others", () => {
    const text = `{${Array.from({ length: 50_000 }, () => '"a": 1').join(", ")}}`
    const { duplicates, moreDuplicates } = Result.getOrThrow(Json.parse(text))
    expect([duplicates.length, moreDuplicates]).toEqual([100, 49_899])
  })

  it("finds the positions of paths, as far as they exist", () => {
    const { places } = Result.getOrThrow(Json.parse('{"a": {"b": [1,\n {"c": 2}]}, "d": [],\n "a": {"b": [7]}}'))
    const at = (line: number, column: number) => ({ line, column })
    expect(places([[], ["a", "b", 0], ["d"], ["d", 0], ["a", "x", "y"], ["z"]])).toEqual([
      { key: at(1, 1), value: at(1, 1) },
      { key: at(3, 14), value: at(3, 14) },
      { key: at(2, 14), value: at(2, 19) },
      { key: at(2, 14), value: at(2, 14) },
      { key: at(3, 2), value: at(3, 2) },
      { key: at(1, 1), value: at(1, 1) }
    ])
  })

  it("rejects excessive nesting", () => {
    expect(problemOf("[".repeat(100_000)).message).toContain("deeper than 256")
    expect(Result.isSuccess(Json.parse("[".repeat(200) + "]".repeat(200)))).toBe(true)
  })

  it("rejects an excessive number of values", () => {
    expect(problemOf(`[${"1,".repeat(300_000)}1]`).message).toBe("JSON must not contain more than 200000 values.")
    expect(problemOf(`[${"{},".repeat(300_000)}{}]`)).toMatchObject({ line: 1, column: 599_999 })
    expect(Result.isSuccess(Json.parse(`[${"1,".repeat(199_998)}1]`))).toBe(true)
  })

  it.each(["esm", "cjs"] as const)("runs when it is bundled as %s", async (format) => {
    const { outputFiles } = await build({
      stdin: {
        contents: `import { parse } from "../../src/Http/Json.ts"
          globalThis.bundledDuplicates = parse('{"a": 1, "a": 2}').success.duplicates`,
        resolveDir: import.meta.dirname
      },
      bundle: true,
      platform: "node",
      format,
      write: false
    })
    const text = outputFiles[0]!.text
    if (format === "esm") await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(text)}`)
    else runInThisContext(`(require, module) => {${text}}`)(createRequire(import.meta.url), { exports: {} })
    expect(Reflect.get(globalThis, "bundledDuplicates")).toEqual([{ path: ["a"], line: 1, column: 10 }])
    Reflect.deleteProperty(globalThis, "bundledDuplicates")
  })
})
