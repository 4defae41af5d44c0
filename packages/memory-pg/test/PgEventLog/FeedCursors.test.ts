import * as fc from "fast-check"
import { expect, it } from "vitest"
import * as FeedCursors from "../../src/PgEventLog/FeedCursors.ts"

const place = fc.tuple(
  fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
  fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  fc.bigInt({ min: 0n, max: 2n ** 31n - 1n })
)
const key = FeedCursors.makeKey()
const cursors = FeedCursors.make(key)

it("a cursor can be decrypted only for its tenant, with the key of its database", () => {
  fc.assert(
    fc.property(place, fc.string(), fc.string(), (given, tenant, other) => {
      const cursor = cursors.encode(tenant, given)
      expect(cursor).toMatch(/^[\w-]{48}$/)
      expect(FeedCursors.make(key).decode(tenant, cursor)).toEqual(given)
      expect(FeedCursors.make(FeedCursors.makeKey()).decode(tenant, cursor)).toBeUndefined()
      if (other !== tenant) expect(cursors.decode(other, cursor)).toBeUndefined()
    })
  )
})

it("refuses a cursor with any bit changed, and any other text", () => {
  const cursor = cursors.encode("acme", [5n, 7n, 1n])
  for (let bit = 0; bit < 36 * 8; bit++) {
    const bytes = Buffer.from(cursor, "base64url")
    bytes[bit >> 3]! ^= 1 << (bit & 7)
    expect(cursors.decode("acme", bytes.toString("base64url")), String(bit)).toBeUndefined()
  }
  for (const text of ["", cursor.slice(0, -1), `${cursor}A`, ` ${cursor}`, `${cursor}=`, "A".repeat(48)])
    expect(cursors.decode("acme", text), text).toBeUndefined()
})

it("does not disclose the distance between two places", () => {
  const bytesOf = (n: bigint) => Buffer.from(cursors.encode("acme", [n, 1n, 1n]), "base64url")
  for (let n = 2n; n < 50n; n++) {
    const [left, right] = [bytesOf(n), bytesOf(n + 1n)]
    const same = left.filter((byte, at) => byte === right[at]).length
    expect(same).toBeLessThan(8)
  }
})
