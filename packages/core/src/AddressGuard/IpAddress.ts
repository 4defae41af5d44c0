/** IP addresses and ranges of them, read from text the way `net.isIP` of Node accepts them. */

export interface Address {
  readonly family: 4 | 6
  /** 32 or 128 bits. */
  readonly value: bigint
}

export interface Range {
  /** Its first address. */
  readonly first: Address
  /** How many of the leading bits all its addresses share. */
  readonly bits: number
}

/** An address; `undefined` for any other text. A zone (`%eth0`) is omitted. */
export const parse = (text: string): Address | undefined => {
  const [address = "", ...zone] = text.split("%")
  if (zone.length > 1 || zone[0] === "" || (zone.length === 1 && !address.includes(":"))) return undefined
  const value = address.includes(":") ? ipv6(address) : ipv4(address)
  return value === undefined ? undefined : { family: address.includes(":") ? 6 : 4, value }
}

/** `10.1.2.3`, `10.1.0.0/16`, `fd00::/8`; `undefined` for any other text. */
export const rangeOf = (text: string): Range | undefined => {
  const [, address = "", length] = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text.trim()) ?? []
  const first = parse(address)
  if (first === undefined) return undefined
  const bits = length === undefined ? sizeOf(first) : Number(length)
  return bits > sizeOf(first) ? undefined : { first, bits }
}

export const contains = ({ bits, first }: Range, address: Address): boolean => {
  if (first.family !== address.family) return false
  const rest = BigInt(sizeOf(first) - bits)
  return first.value >> rest === address.value >> rest
}

/** Whether a range contains this address; IPv4 counts as mapped to IPv6 (`::ffff:10.0.0.1`). */
export const isWithin = ({ bits, first }: Range, text: string): boolean => {
  const address = parse(text)
  if (address === undefined) return false
  return contains({ first: mapped(first), bits: bits + 128 - sizeOf(first) }, mapped(address))
}

/** The IPv4 address at the end of a NAT64 (RFC 6052) or ISATAP (RFC 5214) address. */
export const embedded = ({ family, value }: Address): Address | undefined => {
  const isNat64 = value >> 32n === 0x0064ff9bn << 64n
  const interfaceIdentifier = (value >> 32n) & 0xffffffffn
  const isIsatap = interfaceIdentifier === 0x5efen || interfaceIdentifier === 0x02005efen
  return family === 6 && (isNat64 || isIsatap) ? { family: 4, value: value & 0xffffffffn } : undefined
}

const mapped = ({ family, value }: Address): Address => ({
  family: 6,
  value: family === 4 ? (0xffffn << 32n) | value : value
})

const sizeOf = ({ family }: Address): number => (family === 4 ? 32 : 128)

const ipv4 = (text: string): bigint | undefined => {
  if (!/^(?:(?:0|[1-9]\d{0,2})(?:\.|$)){4}$/.test(text) || text.endsWith(".")) return undefined
  const parts = text.split(".").map(Number)
  return parts.every((part) => part <= 255) ? joined(parts, 8n) : undefined
}

const ipv6 = (text: string): bigint | undefined => {
  const end = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  if (end !== null) {
    const last = ipv4(end[2]!)
    if (last === undefined) return undefined
    return ipv6(`${end[1]}${(last >> 16n).toString(16)}:${(last & 0xffffn).toString(16)}`)
  }
  const halves = text.split("::")
  if (halves.length > 2) return undefined
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")))
  const missing = 8 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  const groups = [...head, ...Array.from({ length: missing }, () => "0"), ...tail]
  if (!groups.every((group) => /^[\da-f]{1,4}$/i.test(group))) return undefined
  return joined(
    groups.map((group) => Number.parseInt(group, 16)),
    16n
  )
}

const joined = (parts: ReadonlyArray<number>, bits: bigint): bigint =>
  parts.reduce((value, part) => (value << bits) | BigInt(part), 0n)
