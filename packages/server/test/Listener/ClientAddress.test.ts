import { describe, expect, it } from "vitest"
import * as ClientAddress from "../../src/Listener/ClientAddress.ts"

describe("the address of a caller", () => {
  it.each([
    ["10.0.0.9", undefined, false, "10.0.0.9"],
    ["::ffff:10.0.0.9", undefined, false, "10.0.0.9"],
    ["10.0.0.9", "1.1.1.1", false, "10.0.0.9"],
    ["10.0.0.9", "1.1.1.1", true, "1.1.1.1"],
    ["10.0.0.9", "6.6.6.6, 1.1.1.1", true, "1.1.1.1"],
    ["10.0.0.9", ["6.6.6.6", "2001:db8::1 "], true, "2001:db8::1"],
    ["10.0.0.9", undefined, true, "10.0.0.9"],
    ["10.0.0.9", "", true, "10.0.0.9"],
    [undefined, undefined, true, undefined]
  ])("from %s, forwarded for %j, behind a proxy: %s", (remote, forwardedFor, isBehindProxy, expected) => {
    expect(ClientAddress.of({ remote, forwardedFor }, isBehindProxy)).toBe(expected)
  })
})
