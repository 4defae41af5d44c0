/**
 * Cursors of the feed: places, encrypted so that a tenant can neither read nor forge them. Places
 * are numbered across all tenants, so a readable place would disclose the number of appends of
 * other tenants.
 *
 * The seal is a synthetic initialization vector (SIV, RFC 5297) of HMAC-SHA256 and AES-256-CTR: the
 * tag authenticates place and tenant and is the initial counter. Thus the same event has the same
 * cursor on every server and at every time. The key is in the database (`crewline_feed_key`), and
 * with it in every dump. A restored dump goes on with a key of its own: cursors of before the dump
 * hold there, and those that the first database gives out later do not.
 */
import * as Feed from "@crewline/core/Feed"
import * as NodeCrypto from "node:crypto"

export interface FeedCursors {
  readonly encode: (tenant: string, place: Feed.Place) => string
  /** The place of a cursor of this tenant; `undefined`: the cursor is invalid. */
  readonly decode: (tenant: string, cursor: string) => Feed.Place | undefined
}

const tagBytes = 16
/** A place: the numbers of the append (8 bytes), the execution (8) and the event (4). */
const placeBytes = 20
const form = /^[\w-]{48}$/

/** A new key, for `make`. */
export const makeKey = (): string => NodeCrypto.randomBytes(32).toString("base64")

/** A key, and the last place that it seals; absent: any after those of the others. */
export interface Key {
  readonly key: string
  readonly until?: bigint
}

/** `keys` are in the order of their places; the last is without end. */
export const make = (keys: ReadonlyArray<Key>): FeedCursors => {
  const sealed = keys.map(({ key, until }) => ({ until, ...sealOf(key) }))
  const isWithin = (place: bigint, until: bigint | undefined) => until === undefined || place <= until
  return {
    encode: (tenant, place) => sealed.find(({ until }) => isWithin(place[0]!, until))!.encode(tenant, place),
    decode: (tenant, cursor) => {
      if (!form.test(cursor)) return undefined
      for (const { decode, until } of sealed) {
        const place = decode(tenant, cursor)
        if (place !== undefined) return isWithin(place[0]!, until) ? place : undefined
      }
      return undefined
    }
  }
}

const sealOf = (key: string): FeedCursors => {
  const derive = (use: string) =>
    NodeCrypto.createHmac("sha256", Buffer.from(key, "base64")).update(`crewline feed cursor: ${use}`).digest()
  const [tagKey, textKey] = [derive("tag"), derive("text")]

  const tagOf = (tenant: string, text: Buffer) =>
    NodeCrypto.createHmac("sha256", tagKey).update(text).update(tenant).digest().subarray(0, tagBytes)
  const cipher = (tag: Buffer, text: Buffer) => NodeCrypto.createCipheriv("aes-256-ctr", textKey, tag).update(text)

  return {
    encode: (tenant, [place, execution, seq]) => {
      const text = Buffer.alloc(placeBytes)
      text.writeBigInt64BE(place!, 0)
      text.writeBigInt64BE(execution!, 8)
      text.writeInt32BE(Number(seq), 16)
      const tag = tagOf(tenant, text)
      return Buffer.concat([tag, cipher(tag, text)]).toString("base64url")
    },
    decode: (tenant, cursor) => {
      const sealed = Buffer.from(cursor, "base64url")
      const tag = sealed.subarray(0, tagBytes)
      const text = cipher(tag, sealed.subarray(tagBytes))
      if (!NodeCrypto.timingSafeEqual(tag, tagOf(tenant, text))) return undefined
      return [text.readBigInt64BE(0), text.readBigInt64BE(8), BigInt(text.readInt32BE(16))]
    }
  }
}
