import { describe, expect, it } from "vitest"
import * as Junk from "../../src/Memory/Junk.ts"

describe("Junk", () => {
  it.each([
    ["Done.", "status"],
    ["Task completed successfully!", "status"],
    ["The request has been queued.", "status"],
    ["Loading data…", "status"],
    ["Running", "status"],
    ["Searching the web for otters...", "status"],
    ["Step 3 of 7", "status"],
    ["42 %", "status"],
    ["Let me check the documentation.", "status"],
    ["Error: no such table", "error"],
    ["TypeError [ERR_INVALID]: x", "error"],
    ["Traceback (most recent call last):\n  File", "error"],
    ["404 Not Found", "error"],
    ["HTTP/1.1 500", "error"],
    ["ECONNREFUSED 127.0.0.1:80", "error"],
    ["rate limit exceeded", "error"],
    ["\n \t", "no-words"],
    ["--- ... !!!", "no-words"]
  ])("refuses %j: %s", (text, reason) => {
    expect(Junk.reasonOf(text)).toBe(reason)
  })

  it.each([
    "42",
    "The task of the manager is done by Ada.",
    "Errors in invoices are corrected within 30 days.",
    "Running is her favourite sport.",
    "Loading ramps in Hamburg open at six.",
    "The tool shed is behind the house.",
    "Terror: a history of the word",
    "EUROPE has 44 countries.",
    "水獺",
    "🦦"
  ])("keeps %j", (text) => {
    expect(Junk.reasonOf(text)).toBeUndefined()
  })

  it("removes recalled sentences, whatever their formatting", () => {
    const recalled = ["The harbour freezes in winter. Ferries stop then."]
    expect(Junk.withoutRecalled("the harbour freezes in winter", recalled)).toBeUndefined()
    expect(Junk.withoutRecalled("The harbour freezes in winter! The museum is open all year.", recalled)).toBe(
      "The museum is open all year."
    )
    expect(Junk.withoutRecalled("Ferries run to Bergen.", recalled)).toBe("Ferries run to Bergen.")
    expect(Junk.withoutRecalled("Ferries stop then.", [])).toBe("Ferries stop then.")
  })
})
