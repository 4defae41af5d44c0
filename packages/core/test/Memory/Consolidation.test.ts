import { describe, expect, it } from "vitest"
import * as Consolidation from "../../src/Memory/Consolidation.ts"

const base = "The limit of one request of the service in Oslo is 500 lines of plain text for each user"

describe("Consolidation", () => {
  it.each([
    ["case, spaces and the full stop", base.toUpperCase().replaceAll(" ", "  ") + "."],
    ["a word of many", base.replace("plain ", "")]
  ])("considers equal what differs only in %s", (_, other) => {
    expect(Consolidation.isSame(base, other)).toBe(true)
    expect(Consolidation.isSame(other, base)).toBe(true)
  })

  it.each([
    ["a number", base.replace("500", "1000")],
    ["a name", base.replace("Oslo", "Bergen")],
    ["a negation", base.replace("is 500", "is not 500")],
    ["much more", `${base}. ${base.replaceAll("e", "a")}`]
  ])("distinguishes what differs in %s", (_, other) => {
    expect(Consolidation.isSame(base, other)).toBe(false)
    expect(Consolidation.isSame(other, base)).toBe(false)
  })

  it("treats a double negation as an affirmation", () => {
    expect(Consolidation.agree("it is not wrong and not late", "it is wrong and late")).toBe(true)
    expect(Consolidation.agree("it isn't late", "it is late")).toBe(false)
    expect(Consolidation.agree("das ist nicht gut", "das ist gut")).toBe(false)
  })

  it("normalises a megabyte of dots quickly", () => {
    const began = performance.now()
    Consolidation.normalise(`x${".".repeat(1_000_000)}y${" .".repeat(500_000)}`)
    expect(performance.now() - began).toBeLessThan(2_000)
  })
})
