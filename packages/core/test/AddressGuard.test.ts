import { describe, expect, it } from "vitest"
import * as AddressGuard from "../src/AddressGuard.ts"

/** An address of each kind that must not be called, by how it is disguised or reserved. */
const refused = {
  "this network": "0.0.0.0",
  "private, /8": "10.255.0.1",
  "private, /12": "172.31.255.255",
  "private, /16": "192.168.0.1",
  "carrier-grade NAT": "100.100.100.200",
  loopback: "127.8.8.8",
  "link-local, cloud metadata": "169.254.169.254",
  "the host of virtual machines": "168.63.129.16",
  multicast: "239.1.1.1",
  broadcast: "255.255.255.255",
  documentation: "203.0.113.9",
  benchmarks: "198.19.0.1",
  "IPv6 loopback": "::1",
  "IPv6 unspecified": "::",
  "IPv4-compatible": "::127.0.0.1",
  "IPv4-mapped": "::ffff:10.0.0.1",
  "IPv4-mapped, public": "::ffff:1.1.1.1",
  "NAT64 of a private address": "64:ff9b::10.0.0.1",
  "NAT64, local use": "64:ff9b:1::1.1.1.1",
  "6to4": "2002:0a00:0001::1",
  Teredo: "2001:0:7f00:1::1",
  "ISATAP of a private address": "2606:4700::5efe:10.0.0.1",
  "ISATAP of a private address, universal": "2606:4700::200:5efe:10.0.0.1",
  "unique local": "fd00:ec2::254",
  "IPv6 link-local": "fe80::1%eth0",
  "site-local": "fec0::1",
  "IPv6 multicast": "ff02::1",
  "no address": "1.2.3"
}

describe("isPublic", () => {
  it.each(Object.entries(refused))("refuses %s: %s", (_, address) => {
    expect(AddressGuard.isPublic(address)).toBe(false)
  })

  it.each([
    "1.1.1.1",
    "93.184.216.34",
    "172.32.0.1",
    "100.128.0.1",
    "2606:4700::1111",
    "64:ff9b::1.1.1.1",
    "2606:4700::5efe:1.1.1.1"
  ])("accepts %s", (address) => expect(AddressGuard.isPublic(address)).toBe(true))
})

describe("make", () => {
  const resolved = (guard: AddressGuard.AddressGuard, all: boolean) =>
    new Promise<unknown>((resolve) =>
      guard.lookup(new URL("http://name.test"))!("name.test", { all }, (error, address, family) =>
        resolve(error ?? (all ? address : [address, family]))
      )
    )
  const guard = (addresses: ReadonlyArray<string>, allow: ReadonlyArray<string> = []) =>
    AddressGuard.make({
      allow,
      lookup: (_host, _options, done) =>
        done(
          null,
          addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }))
        )
    })

  it("refuses a name that resolves to no address, or to several of which one is refused", async () => {
    expect(await resolved(guard([]), true)).toBeInstanceOf(AddressGuard.AddressRefused)
    expect(await resolved(guard(["1.1.1.1", "10.0.0.1"]), false)).toBeInstanceOf(AddressGuard.AddressRefused)
    expect(await resolved(guard(["what?"]), true)).toBeInstanceOf(AddressGuard.AddressRefused)
  })

  it("returns the checked addresses, in both formats", async () => {
    expect(await resolved(guard(["10.0.0.1", "::1"], ["10.0.0.0/8", "::1"]), true)).toEqual([
      { address: "10.0.0.1", family: 4 },
      { address: "::1", family: 6 }
    ])
    expect(await resolved(guard(["1.1.1.1"]), false)).toEqual(["1.1.1.1", 4])
  })

  it("matches mapped addresses with IPv4 ranges", () => {
    const check = (url: string) => () => guard([], ["10.0.0.0/8"]).check(new URL(url))
    expect(check("http://[::ffff:10.0.0.1]/")).not.toThrow()
    expect(check("http://[::ffff:192.168.0.1]/")).toThrow(AddressGuard.AddressRefused)
  })

  it("names an invalid entry of allow", () => {
    expect(() => guard([], ["10.0.0.0/33"])).toThrow('Invalid address or address range "10.0.0.0/33"')
  })
})
