import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Guarded from "../src/Guarded.ts"

it.effect("logs exceptions of a callback, and recovers with its arguments", () => {
  const logged: Array<unknown> = []
  const told: Array<string> = []
  return Effect.gen(function* () {
    const guarded = yield* Guarded.make
    const read = guarded(
      "Reading",
      (text: string) => told.push(JSON.parse(text)),
      (text) => told.push(`not ${text}`)
    )
    read('"read"')
    read("JSON")
    guarded("Writing", () => {
      throw new Error("full")
    })()
    yield* Effect.yieldNow
    assert.deepStrictEqual(told, ["read", "not JSON"])
    assert.deepStrictEqual(logged, [
      ["Reading failed", "SyntaxError"],
      ["Writing failed", "Error"]
    ])
  }).pipe(
    Effect.provide(
      Logger.layer([
        Logger.make(({ message }) => {
          const [what, error] = message as readonly [string, Error]
          logged.push([what, error.name])
        })
      ])
    )
  )
})
