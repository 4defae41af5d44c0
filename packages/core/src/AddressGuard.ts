/**
 * Restricts requests to user-provided addresses to the public internet. Refuses private, loopback,
 * link-local, multicast and reserved addresses, including those of cloud metadata services and
 * those embedded in an IPv6 address.
 *
 * A name is checked when a connection is made, with every address that it resolves to; one refused
 * address refuses the name. The connection uses the result of the checked look-up, so a name cannot
 * change in between (DNS rebinding). Addresses in a URL never reach a look-up: `check` refuses
 * them. Each redirect is a separate request and is checked.
 *
 * Text that is not a valid address is refused.
 */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as IpAddress from "./AddressGuard/IpAddress.ts"

/** Options of `make`. */
export interface Options {
  /**
   * Addresses and ranges (`10.1.0.0/16`, `fd00::/8`) that may be called although they are not
   * public.
   */
  readonly allow?: ReadonlyArray<string>
  /** URLs whose origin (scheme, host and port) may be called, regardless of its address. */
  readonly allowOrigins?: ReadonlyArray<string>
  /** How names are resolved, in the shape of `dns.lookup` of Node. */
  readonly lookup: Lookup
}

/** The part of Node's `dns.lookup` that connections use. */
export type Lookup = (
  host: string,
  options: { readonly all?: boolean | undefined },
  done: (
    error: Error | null,
    address: string | Array<{ readonly address: string; readonly family: number }>,
    family?: number
  ) => void
) => void

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
  readonly lookup: (url: URL) => Lookup | undefined
}

/** Refuses nothing: for servers that only this machine can reach. */
export const unrestricted: AddressGuard = { check: () => {}, lookup: () => undefined }

/** A guard. Throws a `TypeError` when an entry of `allow` is not an address or a range. */
export const make = (options: Options): AddressGuard => {
  const origins = new Set(options.allowOrigins?.flatMap((url) => (URL.canParse(url) ? new URL(url).origin : [])))
  const allowed = (options.allow ?? []).map((text) => {
    const range = IpAddress.rangeOf(text)
    if (range === undefined) throw new TypeError(invalidRange(text))
    return range
  })
  const isAllowed = (address: string): boolean =>
    isPublic(address) || allowed.some((range) => IpAddress.isWithin(range, address))

  const lookup: Lookup = (host, lookupOptions, done) =>
    options.lookup(host, { ...lookupOptions, all: true }, (error, found) => {
      if (error !== null) return done(error, [])
      const addresses = typeof found === "string" ? [{ address: found, family: familyOf(found) }] : found
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
      if (IpAddress.parse(host) !== undefined && !origins.has(url.origin) && !isAllowed(host)) {
        throw new AddressRefused(url.hostname)
      }
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
    const wrong = entries.find((entry) => IpAddress.rangeOf(entry) === undefined)
    if (wrong === undefined) return Effect.succeed(entries)
    const message = `CREWLINE_ALLOW_ADDRESSES: ${invalidRange(wrong)}`
    return Effect.fail(new Config.ConfigError(new ConfigProvider.SourceError({ message })))
  })
)

const familyOf = (address: string): number => (address.includes(":") ? 6 : 4)

const invalidRange = (text: string): string =>
  `Invalid address or address range "${text}": expected for example 10.1.2.3, 10.1.0.0/16 or fd00::/8.`

/** Whether an IP address is one of the public internet. */
export const isPublic = (text: string): boolean => {
  const address = IpAddress.parse(text)
  if (address === undefined) return false
  if (address.family === 4) return !reservedIPv4.some((range) => IpAddress.contains(range, address))
  const embedded = IpAddress.embedded(address)
  if (embedded !== undefined && reservedIPv4.some((range) => IpAddress.contains(range, embedded))) return false
  return (
    global.some((range) => IpAddress.contains(range, address)) &&
    !reservedIPv6.some((range) => IpAddress.contains(range, address))
  )
}

const ranges = (...texts: ReadonlyArray<string>): ReadonlyArray<IpAddress.Range> =>
  texts.map((text) => IpAddress.rangeOf(text)!)

/**
 * Source: IANA IPv4 Special-Purpose Address Registry; multicast; 168.63.129.16, where Azure answers
 * virtual machines.
 */
const reservedIPv4 = ranges(
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
)

/** Source: IANA IPv6 Special-Purpose Address Registry. 6to4 and Teredo wrap IPv4 addresses. */
const reservedIPv6 = ranges("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")

/**
 * IPv6 addresses outside these ranges are reserved, local or multicast. In NAT64 addresses (RFC
 * 6052), the last 32 bits are an IPv4 address.
 */
const global = ranges("2000::/3", "64:ff9b::/96")
