/** The contract of every layer of `Workspace` that separates executions. */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import { describe } from "vitest"
import * as Tenant from "../Tenant.ts"
import * as Workspace from "../Workspace.ts"

/** `maxTotalBytes`: the layer's limit for the total size of the files of an execution. */
export const suite = <E>(
  name: string,
  given: Layer.Layer<Workspace.Workspace, E>,
  { maxTotalBytes }: { readonly maxTotalBytes: number }
): void => {
  describe(name, () => {
    it.layer(given)((test) => {
      let count = 0
      const own = Effect.map(Workspace.Workspace, (workspace) => workspace.of(`exec_${count++}`))
      const as = Effect.provideService(Tenant.Current, "acme")
      const paths = (files: Workspace.Files, folder?: string) =>
        Effect.map(files.list(folder), (all) => all.map(({ path, size }) => `${path} ${size}`))
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

      test.effect("writes, replaces, reads, lists and removes files", () =>
        Effect.gen(function* () {
          const files = yield* own
          assert.deepStrictEqual(yield* files.list(), [])
          yield* files.write("b.txt", "ä")
          yield* files.write("./a\\deep/a.bin", new Uint8Array([0, 255, 1]))
          yield* files.write("b.txt", "two")
          yield* files.write("b.txt", "two")
          assert.strictEqual(text(yield* files.read("b.txt")), "two")
          assert.deepStrictEqual([...(yield* files.read("a/deep/a.bin"))], [0, 255, 1])
          assert.deepStrictEqual(yield* paths(files), ["a/deep/a.bin 3", "b.txt 3"])
          assert.deepStrictEqual(yield* paths(files, "a"), ["a/deep/a.bin 3"])
          assert.deepStrictEqual(yield* paths(files, "a/"), ["a/deep/a.bin 3"])
          assert.deepStrictEqual(yield* paths(files, "nowhere"), [])
          for (const { modifiedAt } of yield* files.list()) assert.match(modifiedAt, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
          yield* files.remove("b.txt")
          assert.strictEqual((yield* Effect.flip(files.remove("b.txt"))).code, "not-found")
          assert.strictEqual((yield* Effect.flip(files.read("b.txt"))).code, "not-found")
          yield* files.write("empty", "")
          assert.strictEqual((yield* files.read("empty")).length, 0)
        })
      )

      test.effect("refuses paths that lead outside, and writes nothing", () =>
        Effect.gen(function* () {
          const files = yield* own
          for (const path of [
            "../x",
            "a/../../x",
            "/x",
            "\\x",
            "C:\\x",
            "a\\..\\..\\x",
            "",
            ".",
            "a/",
            "a\0",
            "\ud800"
          ]) {
            for (const refused of [files.write(path, "x"), files.read(path), files.remove(path)])
              assert.strictEqual((yield* Effect.flip(refused)).code, "path-refused", JSON.stringify(path))
          }
          assert.strictEqual((yield* Effect.flip(files.list(".."))).code, "path-refused")
          assert.deepStrictEqual(yield* files.list(), [])
        })
      )

      test.effect("separates executions and tenants, and deletes the files of one", () =>
        Effect.gen(function* () {
          const workspace = yield* Workspace.Workspace
          const [one, two] = [workspace.of("apart_1"), workspace.of("apart_2")]
          yield* one.write("a.txt", "mine")
          yield* as(one.write("theirs.txt", "theirs"))
          assert.deepStrictEqual(yield* two.list(), [])
          assert.strictEqual((yield* Effect.flip(two.read("a.txt"))).code, "not-found")
          assert.strictEqual((yield* Effect.flip(as(one.read("a.txt")))).code, "not-found")
          assert.strictEqual((yield* Effect.flip(as(one.remove("a.txt")))).code, "not-found")
          assert.deepStrictEqual(yield* as(paths(one)), ["theirs.txt 6"])
          yield* two.write("a.txt", "other")
          yield* as(workspace.forget("apart_1"))
          assert.deepStrictEqual(yield* as(paths(one)), [])
          assert.deepStrictEqual(yield* paths(one), ["a.txt 4"])
          yield* workspace.forget("apart_1")
          assert.deepStrictEqual(yield* paths(one), [])
          assert.deepStrictEqual(yield* paths(two), ["a.txt 5"])
        })
      )

      test.effect("keeps the files of an execution within its quota under concurrent writes", () =>
        Effect.gen(function* () {
          const files = yield* own
          const third = "x".repeat(Math.floor(maxTotalBytes / 3))
          const written = yield* Effect.forEach(
            [1, 2, 3, 4, 5, 6],
            (n) => Effect.exit(files.write(`${n}.txt`, third)),
            { concurrency: "unbounded" }
          )
          assert.strictEqual(written.filter(({ _tag }) => _tag === "Success").length, 3)
          const failure = yield* Effect.flip(files.write("other.txt", third))
          assert.strictEqual(failure.code, "quota-exceeded")
          const [{ path }] = (yield* files.list()) as [Workspace.File]
          // A replacement counts instead of the replaced file.
          yield* files.write(path, third)
          yield* files.remove(path)
          yield* files.write("other.txt", third)
        })
      )
    })
  })
}
