/**
 * Restricts requests to user-provided addresses to the public internet. Private, loopback,
 * link-local, multicast and reserved addresses are refused, those of cloud metadata services among
 * them, also when an IPv6 address wraps them.
 *
 * A name is checked when a connection is made, by every address that it resolves to; one refused
 * address refuses the name. The look-up that is checked is the one that is connected to, so that a
 * name cannot change in between (DNS rebinding). Addresses in a URL never reach a look-up: `check`
 * refuses them. Each redirect is a separate request and is checked.
 */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import { lookup as systemLookup } from "node:dns"
import { BlockList, isIP, type LookupFunction } from "node:net"

/** What `make` can be told. */
export interface Options {
  /**
   * Addresses and ranges (`10.1.0.0/16`, `fd00::/8`) that may be called although they are not
   * public.
   */
  readonly allow?: ReadonlyArray<string>
  /** URLs whose origin (scheme, host and port) may be called whatever its address. */
  readonly allowOrigins?: ReadonlyArray<string>
  /** How names are resolved. Default: the system's look-up. */
  readonly lookup?: LookupFunction
}

/** The host has an address that must not be called. */
export class AddressRefused extends Error {
  readonly code = "ERR_ADDRESS_REFUSED"

  constructor(host: string) {
    super(
      `the address of ${host} is private or reserved. The operator of this server can allow it with CREWLINE_ALLOW_ADDRESSES`
    )
    this.name = "AddressRefused"
  }
}

export interface AddressGuard {
  /** Throws `AddressRefused` when the host of the URL is a refused address. */
  readonly check: (url: URL) => void
  /** The look-up for connections to the host of the URL; `undefined`: the ordinary one. */
  readonly lookup: (url: URL) => LookupFunction | undefined
}

/** Refuses nothing: for servers that only this machine can reach. */
export const unrestricted: AddressGuard = { check: () => {}, lookup: () => undefined }

/** A guard. Throws a `TypeError` when an entry of `allow` is not an address or a range. */
export const make = (options: Options = {}): AddressGuard => {
  const resolve = options.lookup ?? systemLookup
  const origins = new Set(options.allowOrigins?.flatMap((url) => URL.parse(url)?.origin ?? []))
  const allowed = new BlockList()
  for (const text of options.allow ?? []) {
    const range = rangeOf(text)
    if (range === undefined) throw new TypeError(invalidRange(text))
    allowed.addSubnet(range.address, range.bits, range.family)
  }
  const isAllowed = (address: string): boolean => isPublic(address) || allowed.check(address, familyOf(address))

  const lookup: LookupFunction = (host, lookupOptions, done) =>
    resolve(host, { ...lookupOptions, all: true }, (error, found) => {
      if (error !== null) return done(error, [])
      const addresses = typeof found === "string" ? [{ address: found, family: isIP(found) }] : found
      const [first] = addresses
      if (first === undefined || !addresses.every(({ address }) => isAllowed(address))) {
        return done(new AddressRefused(host), [])
      }
      if (lookupOptions.all === true) done(null, addresses)
      else done(null, first.address, first.family)
    })

  return {
    check: (url) => {
      // URL has turned decimal, octal, hexadecimal and full-width spellings into four numbers.
      const host = url.hostname.replace(/^\[|\]$/g, "")
      if (isIP(host) !== 0 && !origins.has(url.origin) && !isAllowed(host)) throw new AddressRefused(url.hostname)
    },
    lookup: (url) => (origins.has(url.origin) ? undefined : lookup)
  }
}

/**
 * `CREWLINE_ALLOW_ADDRESSES`: addresses and ranges, separated by commas, that may be called
 * although they are not public.
 */
export const allowConfig: Config.Config<ReadonlyArray<string>> = Config.String("CREWLINE_ALLOW_ADDRESSES").pipe(
  Config.withDefault(""),
  Config.mapEffect((text) => {
    const entries = text.split(",").flatMap((entry) => entry.trim() || [])
    const wrong = entries.find((entry) => rangeOf(entry) === undefined)
    if (wrong === undefined) return Effect.succeed(entries)
    const message = `CREWLINE_ALLOW_ADDRESSES: ${invalidRange(wrong)}`
    return Effect.fail(new Config.ConfigError(new ConfigProvider.SourceError({ message })))
  })
)

/** Whether an IP address is one of the public internet. */
export const isPublic = (address: string): boolean =>
  isIP(address) === 4
    ? !reserved.check(address, "ipv4")
    : isIP(address) === 6 && global.check(address, "ipv6") && !reserved.check(address, "ipv6")

// --- ranges -----------------------------------------------------------------------------------------------------------------------

interface Range {
  readonly address: string
  readonly bits: number
  readonly family: "ipv4" | "ipv6"
}

const familyOf = (address: string): Range["family"] => (isIP(address) === 6 ? "ipv6" : "ipv4")

const invalidRange = (text: string): string =>
  `Invalid address or address range "${text}": expected for example 10.1.2.3, 10.1.0.0/16 or fd00::/8.`

const rangeOf = (text: string): Range | undefined => {
  const [, address = "", bits] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text.trim()) ?? []
  if (isIP(address) === 0) return undefined
  const family = familyOf(address)
  const longest = family === "ipv4" ? 32 : 128
  const length = bits === undefined ? longest : Number(bits)
  return length > longest ? undefined : { address, bits: length, family }
}

const listOf = (ranges: ReadonlyArray<string>): BlockList => {
  const list = new BlockList()
  for (const text of ranges) {
    const range = rangeOf(text)
    if (range !== undefined) list.addSubnet(range.address, range.bits, range.family)
  }
  return list
}

/**
 * Source: IANA IPv4 Special-Purpose Address Registry; multicast; 168.63.129.16, where Azure answers
 * virtual machines.
 */
const reservedIPv4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "168.63.129.16/32",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3"
]

/** NAT64 (RFC 6052): the last 32 bits are an IPv4 address. */
const nat64 = (range: string): string => {
  const [address, bits] = range.split("/")
  return `64:ff9b::${address}/${96 + Number(bits)}`
}

/**
 * Source: IANA IPv6 Special-Purpose Address Registry. A `BlockList` applies IPv4 ranges to mapped
 * addresses (`::ffff:10.0.0.1`).
 */
const reserved = listOf([
  ...reservedIPv4,
  ...reservedIPv4.map(nat64),
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20"
])

/** All of IPv6 outside of these is reserved, local or multicast. */
const global = listOf(["2000::/3", "64:ff9b::/96"])
