import * as fc from "fast-check"
import { expect, it } from "vitest"
import * as FeedCursors from "../../src/PgEventLog/FeedCursors.ts"

const place = fc.tuple(
  fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }),
  fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  fc.bigInt({ min: 0n, max: 2n ** 31n - 1n })
)
const key = FeedCursors.makeKey()
const cursors = FeedCursors.make([{ key }])

it("a cursor can be decrypted only for its tenant, with the key of its database", () => {
  fc.assert(
    fc.property(place, fc.string(), fc.string(), (given, tenant, other) => {
      const cursor = cursors.encode(tenant, given)
      expect(cursor).toMatch(/^[\w-]{48}$/)
      expect(FeedCursors.make([{ key }]).decode(tenant, cursor)).toEqual(given)
      expect(FeedCursors.make([{ key: FeedCursors.makeKey() }]).decode(tenant, cursor)).toBeUndefined()
      if (other !== tenant) expect(cursors.decode(other, cursor)).toBeUndefined()
    })
  )
})

it("after a restored dump, cursors of before it are the same and hold, and later ones do not", () => {
  const [end, other] = [100n, FeedCursors.makeKey()]
  const restored = FeedCursors.make([{ key, until: end }, { key: other }])
  const again = FeedCursors.make([{ key, until: end }, { key: other, until: 200n }, { key: FeedCursors.makeKey() }])
  for (const place of [end, end + 1n]) {
    const at = [place, 7n, 1n]
    const cursor = cursors.encode("acme", at)
    for (const each of [restored, again]) expect(each.decode("acme", cursor)).toEqual(place === end ? at : undefined)
    expect(restored.encode("acme", at) === cursor).toBe(place === end)
    expect(again.encode("acme", at)).toBe(restored.encode("acme", at))
    expect(again.decode("acme", restored.encode("acme", at))).toEqual(at)
  }
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
