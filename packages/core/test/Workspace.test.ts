import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Workspace from "../src/Workspace.ts"

describe("Workspace", () => {
  it.effect("is nowhere unless the application says where", () =>
    Effect.gen(function* () {
      const { read, write } = (yield* Workspace.Workspace).of("e")
      assert.include((yield* Effect.flip(read("a.txt"))).message, "a.txt: this application has no workspace")
      assert.include((yield* Effect.flip(write("a.txt", "x"))).message, "a.txt: this application has no workspace")
    }).pipe(Effect.provide(Workspace.layerNone))
  )
})
