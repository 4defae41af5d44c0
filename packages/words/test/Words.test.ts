import * as Embedder from "@crewline/core/Embedder"
import * as Memory from "@crewline/core/Memory"
import { MemoryContract } from "@crewline/core/testing"
import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Words from "../src/Words.ts"
import * as Data from "./Data.ts"

beforeAll(Data.make, 60_000)

const similarities = Effect.fnUntraced(function* (text: string, others: ReadonlyArray<string>) {
  const embedder = yield* Embedder.Embedder
  const [vector, ...rest] = yield* embedder.embed([text, ...others])
  return rest.map((other) => Embedder.dot(vector!, other))
})

describe("Words", () => {
  it.effect("puts texts near that mean the same, and knows words by their rank", () =>
    Effect.gen(function* () {
      const [near, far] = yield* similarities("The doctor visited her patient", [
        "A physician was at the hospital",
        "Bananas are sold by weight"
      ])
      assert.isAbove(near!, far! + 0.3)
      const [same] = yield* similarities("otters swim", ["Otters, swim!"])
      assert.closeTo(same!, 1, 1e-6)
    }).pipe(Effect.provide(Words.layer))
  )

  it.effect("gives vectors of length 1, and zeros for what it does not know", () =>
    Effect.gen(function* () {
      const embedder = yield* Embedder.Embedder
      const [known, strange, empty] = yield* embedder.embed(["an otter", "zzzxqq 水獺 🦦", ""])
      assert.closeTo(Embedder.dot(known!, known!), 1, 1e-5)
      assert.deepStrictEqual(
        [strange, empty].map((vector) => [...vector!].every((value) => value === 0)),
        [true, true]
      )
      assert.strictEqual(known!.length, embedder.space.dimensions)
    }).pipe(Effect.provide(Words.layer))
  )

  it.effect("says what is wrong with a file that is not there or not whole", () =>
    Effect.gen(function* () {
      const folder = mkdtempSync(join(tmpdir(), "crewline-words-"))
      try {
        const file = join(folder, "words.bin")
        const absent = yield* Words.make(file)
        assert.include((yield* Effect.flip(absent.embed(["x"]))).message, "ENOENT")
        writeFileSync(file, "WORDVEC0 and more than thirty-two bytes")
        assert.include((yield* Effect.flip((yield* Words.make(file)).embed(["x"]))).message, "WORDVEC1")
        writeFileSync(file, readFileSync(Words.defaultFile).subarray(0, 1_000))
        assert.match(
          (yield* Effect.flip((yield* Words.make(file)).embed(["x"]))).message,
          /expected a file of \d+ bytes, got 1000/
        )
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
  )

  it.effect("recalls what means the same without a word in common, and nothing that does not", () =>
    Effect.gen(function* () {
      const memory = yield* Memory.Memory
      yield* memory.remember([
        { kind: "long-term", scope: {}, text: "The physician prescribed antibiotics for the infection" },
        { kind: "long-term", scope: {}, text: "The train to Bergen leaves at noon" }
      ])
      const recalled = yield* memory.recall({ text: "medicine of a doctor against bacteria", scope: {} })
      assert.deepStrictEqual(
        recalled.map(({ text }) => text),
        ["The physician prescribed antibiotics for the infection"]
      )
      assert.strictEqual(recalled[0]!.parts.lexical, 0)
      assert.include(recalled[0]!.why, "similar in meaning")
    }).pipe(Effect.provide(Memory.layerLocalEmbedded), Effect.provide(Words.layer))
  )
})

MemoryContract.suite("Memory.layerLocalEmbedded with words", Layer.provide(Memory.layerLocalEmbedded, Words.layer), {
  adverse: 1_000
})
