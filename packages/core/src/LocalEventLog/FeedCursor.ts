/**
 * Cursors of the feeds in memory. The mark of a feed makes the cursors of other tenants and of
 * earlier processes invalid. Everything else in a cursor is counted within its tenant.
 */
import * as Base64Url from "effect/encoding/Base64Url"
import * as Result from "effect/Result"
import type * as Feed from "../Feed.ts"

export const encode = (mark: number, place: Feed.Place): string => Base64Url.encode([mark, ...place].join("."))

/** The place of a cursor; `undefined` if the feed with this mark did not issue it. */
export const decode = (mark: number, cursor: string): Feed.Place | undefined => {
  if (cursor.length > 100) return undefined
  const text = Base64Url.decodeString(cursor)
  const [, number, seq] = (Result.isSuccess(text) && /^\d+\.([1-9]\d{0,15})\.([1-9]\d{0,9})$/.exec(text.success)) || []
  if (number === undefined || seq === undefined) return undefined
  const place = [BigInt(number), BigInt(seq)]
  return encode(mark, place) === cursor ? place : undefined
}
