import * as fc from "fast-check"
import { BlockList, isIP } from "node:net"
import { expect, it } from "vitest"
import * as IpAddress from "../../src/AddressGuard/IpAddress.ts"

const group = fc.oneof(
  fc.constantFrom("0", "1", "ffff", "5efe", "64", "ff9b", "2002"),
  fc.stringMatching(/^[\da-f]{1,5}$/)
)
const ipv4 = fc.oneof(
  fc.ipV4(),
  fc.array(fc.nat(300), { minLength: 3, maxLength: 5 }).map((parts) => parts.join("."))
)
const text = fc.oneof(
  ipv4,
  fc.ipV6(),
  fc.array(group, { minLength: 1, maxLength: 9 }).map((parts) => parts.join(":")),
  fc
    .tuple(fc.array(group, { maxLength: 7 }), fc.array(group, { maxLength: 7 }))
    .map(([head, tail]) => `${head.join(":")}::${tail.join(":")}`),
  fc
    .tuple(fc.constantFrom("::ffff:", "::", "64:ff9b::", "1:2:3:4:5:6:", "1:2:3:4:5:6:7:"), ipv4)
    .map((parts) => parts.join("")),
  fc.constantFrom(
    "",
    "1",
    "01.2.3.4",
    "1.2.3.4.",
    "::1%eth0",
    "1.2.3.4%eth0",
    "::1%",
    "1::2::3",
    ":::",
    "fe80::1%a%b",
    " ::1"
  )
)

it("accepts the same addresses as Node", () => {
  fc.assert(
    fc.property(text, (address) => {
      expect(IpAddress.parse(address)?.family ?? 0, address).toBe(isIP(address))
    }),
    { numRuns: 500 }
  )
})

it("finds addresses in ranges as Node's BlockList does", () => {
  const valid = text.filter((address) => isIP(address) !== 0 && !address.includes("%"))
  fc.assert(
    fc.property(valid, valid, fc.nat(128), (first, address, length) => {
      const family = isIP(first) === 6 ? "ipv6" : "ipv4"
      const bits = family === "ipv4" ? Math.floor(length / 4) : length
      const list = new BlockList()
      list.addSubnet(first, bits, family)
      const range = IpAddress.rangeOf(`${first}/${bits}`)!
      expect(IpAddress.isWithin(range, address)).toBe(list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4"))
    }),
    { numRuns: 500 }
  )
})

it.each(["10.0.0.0/33", "fd00::/129", "10.0.0/8", "internal", "10.0.0.0/-1", "::1/", ""])(
  "refuses the range %j",
  (range) => {
    expect(IpAddress.rangeOf(range)).toBeUndefined()
  }
)
