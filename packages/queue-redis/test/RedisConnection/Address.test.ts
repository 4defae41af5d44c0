import { assert, describe, it } from "@effect/vitest"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Address from "../../src/RedisConnection/Address.ts"

const parse = (url: string) => Address.parse(Redacted.make(url))
const read = (url: string) => Result.getOrThrow(parse(url))

const open = { isSecure: false, username: undefined, password: undefined }

describe("Address", () => {
  it("one server", () => {
    assert.deepStrictEqual(read("redis://localhost"), {
      kind: "single",
      ...open,
      at: { host: "localhost", port: 6379 },
      database: 0
    })
    assert.deepStrictEqual(read("rediss://me:p%40ss%2F%C3%B6:x@[::1]:6380/7"), {
      kind: "single",
      isSecure: true,
      username: "me",
      password: "p@ss/ö:x",
      at: { host: "::1", port: 6380 },
      database: 7
    })
    assert.deepInclude(read("redis://:only@h/"), { username: undefined, password: "only" })
  })

  it("sentinels", () => {
    assert.deepStrictEqual(
      read("redis+sentinel://me:secret@a,b:26380/main/2?sentinelUsername=watch&sentinelPassword=dog%21"),
      {
        kind: "sentinel",
        isSecure: false,
        username: "me",
        password: "secret",
        sentinels: [
          { host: "a", port: 26379 },
          { host: "b", port: 26380 }
        ],
        name: "main",
        database: 2,
        sentinelUsername: "watch",
        sentinelPassword: "dog!"
      }
    )
    assert.deepInclude(read("rediss+sentinel://a/main"), { isSecure: true, database: 0, sentinelPassword: undefined })
  })

  it("a cluster", () => {
    assert.deepStrictEqual(read("rediss+cluster://me:secret@a:7000,[::1]:7001,c"), {
      kind: "cluster",
      isSecure: true,
      username: "me",
      password: "secret",
      nodes: [
        { host: "a", port: 7000 },
        { host: "::1", port: 7001 },
        { host: "c", port: 6379 }
      ]
    })
  })

  it("for display, without users and passwords", () => {
    const texts = [
      ["redis://me:secret@a:1/2", "a:1"],
      ["redis+sentinel://me:secret@a:1,b/main?sentinelPassword=secret", '"main" of the sentinels a:1, b:26379'],
      ["redis+cluster://me:secret@a:1,b", "the cluster a:1, b:6379"]
    ] as const
    for (const [url, text] of texts) assert.strictEqual(Address.toText(read(url)), text)
  })

  it.each([
    "",
    "localhost:6379",
    "http://a",
    "redis://",
    "redis://a,b",
    "redis://a/x",
    "redis://a:99999",
    "redis+other://a",
    "redis+sentinel://a",
    "redis+sentinel://a/",
    "redis+sentinel://a/main/x",
    "redis+cluster://a/3",
    "redis+cluster://a,,b",
    "redis+cluster://a,b/c:7000",
    "redis://:%ZZ@a"
  ])("%o is refused without being quoted", (url) => {
    const parsed = parse(url)
    assert.isTrue(Result.isFailure(parsed))
    const text = Result.isFailure(parsed) ? parsed.failure : ""
    assert.include(text, "redis+cluster://user:password@host:7000,host:7001")
    assert.notInclude(text, "%ZZ")
  })
})
