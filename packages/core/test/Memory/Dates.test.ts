import { describe, expect, it } from "vitest"
import * as Dates from "../../src/Memory/Dates.ts"

/** A Friday. */
const friday = Date.parse("2023-05-12T12:00:00Z")
const terms = (text: string, saidAt?: number) => [...Dates.termsOf(text, saidAt)].sort()

describe("Dates", () => {
  it.each([
    ["on 2023-05-07", ["@05", "@05-07", "@2023", "@2023-05", "@2023-05-07"]],
    ["7 May 2023", ["@05", "@05-07", "@2023", "@2023-05", "@2023-05-07"]],
    ["May 7th, 2023", ["@05", "@05-07", "@2023", "@2023-05", "@2023-05-07"]],
    ["the 7th of May", ["@05", "@05-07"]],
    ["in May 2023", ["@05", "@2023", "@2023-05"]],
    ["in march", ["@03"]],
    ["since 1999", ["@1999"]],
    ["they may march on", []],
    ["2023-13-45 and 31999 and 2,023 and 1.2023", []],
    ["room 2023-1", []]
  ])("reads %s", (text, expected) => {
    expect(terms(text)).toEqual(expected)
  })

  it.each([
    ["yesterday", "@2023-05-11"],
    ["tomorrow", "@2023-05-13"],
    ["tonight", "@2023-05-12"],
    ["last Tuesday", "@2023-05-09"],
    ["on Friday", "@2023-05-05"],
    ["next Friday", "@2023-05-19"],
    ["three days ago", "@2023-05-09"],
    ["two weeks ago", "@2023-04"],
    ["last month", "@2023-04"],
    ["next month", "@2023-06"],
    ["last year", "@2022"]
  ])("resolves %s relative to the day of the statement", (text, expected) => {
    expect(terms(text, friday)).toContain(expected)
    expect(terms(text)).not.toContain(expected)
  })

  it("keeps the precision of weeks, months and years ago", () => {
    expect(terms("last week", friday)).toEqual(["@05", "@2023", "@2023-05"])
    expect(terms("two years ago", friday)).toEqual(["@2021"])
  })
})
