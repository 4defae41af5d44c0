import * as OriginCheck from "../../src/Listener/OriginCheck.ts"
import { describe, expect, it } from "vitest"

const local = OriginCheck.refuses({ host: "127.0.0.1", allowedHosts: ["crew.example"] })
const open = OriginCheck.refuses({ host: "0.0.0.0", allowedHosts: [] })

describe("Guard", () => {
  it.each([
    ["127.0.0.1:4747", undefined],
    ["localhost:4747", undefined],
    ["[::1]:4747", undefined],
    ["app.localhost:4747", undefined],
    ["crew.example", undefined],
    ["localhost:4747", "http://localhost:4747"],
    ["127.0.0.1:4747", "https://crew.example"]
  ])("serves %s for %s", (host, origin) => {
    expect(local({ host, ...(origin !== undefined && { origin }) })).toBeUndefined()
  })

  it.each([
    // A foreign host name that was rebound to this address.
    ["evil.example:4747", undefined],
    ["evil.example:4747", "http://evil.example:4747"],
    ["localhost.evil.example", undefined],
    ["127.0.0.1:4747", "http://evil.example"],
    ["127.0.0.1:4747", "http://127.0.0.1:3000"],
    ["127.0.0.1:4747", "null"]
  ])("refuses %s for %s, with the reason", (host, origin) => {
    expect(local({ host, ...(origin !== undefined && { origin }) })).toMatch(/not (answer|served)/)
  })

  it("accepts any name when others can reach the server, but no pages of other sites", () => {
    expect(open({ host: "crew.internal:4747" })).toBeUndefined()
    expect(open({ host: "crew.internal:4747", origin: "http://crew.internal:4747" })).toBeUndefined()
    expect(open({ host: "crew.internal:4747", origin: "http://evil.example" })).toBeDefined()
  })
})
