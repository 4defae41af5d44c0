import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Problem from "../../src/Api/Problem.ts"
import * as Guesses from "../../src/Credentials/Guesses.ts"

const refused = Problem.make("unauthenticated", {})

/** The database, of which "good" is the only credential, and how often it is read. */
const make = () => {
  const { guard } = Guesses.make(refused)
  const reads = { count: 0 }
  const show = (hash: string, address = "10.0.0.1") =>
    Effect.match(
      guard(
        { hash, address },
        Effect.andThen(
          Effect.sync(() => reads.count++),
          Effect.suspend(() => (hash.startsWith("good") ? Effect.succeed("owner") : Effect.fail(refused)))
        )
      ),
      { onSuccess: (owner) => owner, onFailure: ({ code }) => code }
    )
  return { reads, show }
}

const exhaust = (show: (hash: string, address?: string) => Effect.Effect<string>, address?: string) =>
  Effect.forEach(
    Array.from({ length: 60 }, (_, n) => `bad ${n}`),
    (hash) => Effect.map(show(hash, address), (code) => assert.strictEqual(code, "unauthenticated"))
  )

it.effect("a refused credential is looked up at most once in ten seconds", () =>
  Effect.gen(function* () {
    const { reads, show } = make()
    for (let n = 0; n < 100; n++) assert.strictEqual(yield* show("bad"), "unauthenticated")
    assert.strictEqual(reads.count, 1)
    yield* TestClock.adjust("10 seconds")
    assert.strictEqual(yield* show("bad"), "unauthenticated")
    assert.strictEqual(reads.count, 2)
  })
)

it.effect("an address has few wrong guesses, and one more per second; other addresses are not affected", () =>
  Effect.gen(function* () {
    const { reads, show } = make()
    assert.strictEqual(yield* show("good before"), "owner")
    yield* exhaust(show)
    reads.count = 0
    assert.strictEqual(yield* show("bad"), "rate-limited")
    assert.strictEqual(yield* show("good"), "rate-limited")
    assert.strictEqual(reads.count, 0)
    assert.strictEqual(yield* show("good before"), "owner")
    assert.strictEqual(yield* show("good", "10.0.0.2"), "owner")
    yield* TestClock.adjust("1 second")
    assert.strictEqual(yield* show("good"), "owner")
    assert.strictEqual(yield* show("bad"), "unauthenticated")
    assert.strictEqual(yield* show("bad again"), "rate-limited")
  })
)

it.effect("concurrent guesses do not exceed the limit, and valid credentials do not count", () =>
  Effect.gen(function* () {
    const { reads, show } = make()
    for (let n = 0; n < 200; n++) assert.strictEqual(yield* show(`good ${n}`), "owner")
    reads.count = 0
    const all = yield* Effect.forkChild(
      Effect.forEach(
        Array.from({ length: 200 }, (_, n) => `bad ${n}`),
        (hash) => show(hash),
        {
          concurrency: "unbounded"
        }
      )
    )
    assert.strictEqual((yield* Fiber.join(all)).filter((code) => code === "rate-limited").length, 140)
    assert.strictEqual(reads.count, 60)
  })
)

it.effect("addresses of one IPv6 network count as one address", () =>
  Effect.gen(function* () {
    const { show } = make()
    yield* exhaust(show, "2001:db8:7:1::1")
    assert.strictEqual(yield* show("bad", "2001:db8:7:ffff::2"), "rate-limited")
    assert.strictEqual(yield* show("bad", "2001:db8:8:1::1"), "unauthenticated")
  })
)
