import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { ToolContext } from "@crewline/core/testing"
import * as Toolbox from "@crewline/core/Toolbox"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import type * as Schema from "effect/Schema"
import * as fc from "fast-check"
import * as Tools from "../src/index.ts"

const context = ToolContext.make()

const Node = Layer.mergeAll(NodeFileSystem.layer, NodePath.layer)

const secret = "the secret outside"

const textOf = (result: Schema.Json): string => (typeof result === "string" ? result : assert.fail("no text"))

/** A workspace with some files, next to a file that nobody may see. */
const world = (options: Partial<Tools.FileRead.Options> = {}) =>
  Effect.gen(function* () {
    const fileSystem = yield* FileSystem.FileSystem
    const paths = yield* Path.Path
    const base = yield* fileSystem.makeTempDirectoryScoped()
    const workspace = paths.join(base, "workspace")
    yield* fileSystem.makeDirectory(paths.join(workspace, "data", "deep"), { recursive: true })
    const write = (name: string, content: string | Uint8Array) =>
      fileSystem.writeFile(
        paths.join(workspace, name),
        typeof content === "string" ? new TextEncoder().encode(content) : content
      )
    yield* fileSystem.writeFileString(paths.join(base, "secret.txt"), secret)
    yield* fileSystem.makeDirectory(paths.join(base, "workspace-2"))
    yield* fileSystem.writeFileString(paths.join(base, "workspace-2", "secret.txt"), secret)
    yield* write("otters.md", "# Otters\n\nThey swim.\n")
    yield* write("data/counts.csv", "year;count\r\n1998;2114\r\n2008;2760")
    const tool = yield* Tools.FileRead.make({ workspace, ...options })
    const execute = (args: Schema.JsonObject) => Effect.result(tool.execute(args, context))
    const read = (path: string, rest: Schema.JsonObject = {}) =>
      Effect.map(execute({ path, ...rest }), (result) =>
        result._tag === "Success" ? textOf(result.success) : `${result.failure._tag}: ${result.failure.message}`
      )
    return { base, fileSystem, paths, read, tool, workspace, write }
  })

layer(Node)("file_read", (it) => {
  it.effect("reads text, by relative and absolute paths", () =>
    Effect.gen(function* () {
      const { paths, read, tool, workspace } = yield* world()
      const text = "# Otters\n\nThey swim."
      assert.strictEqual(yield* read("otters.md"), text)
      assert.strictEqual(yield* read("./data/../otters.md"), text)
      assert.strictEqual(yield* read(paths.join(workspace, "otters.md")), text)
      assert.strictEqual(yield* read("data/counts.csv"), "year;count\n1998;2114\n2008;2760")
      assert.isTrue(tool.idempotent)
    })
  )

  it.effect("reads long files in parts and says how to read on", () =>
    Effect.gen(function* () {
      const { read, write } = yield* world({ maxCharacters: 100 })
      const lines = Array.from({ length: 30 }, (_, n) => `line ${n + 1} ä🦦`)
      yield* write("long.txt", `${lines.join("\n")}\n`)
      const first = yield* read("long.txt")
      const [, next] = /\[Lines 1 to \d+ of 30\. To read on: startLine (\d+)\.\]$/.exec(first) ?? assert.fail(first)
      assert.isTrue(first.length < 170)
      // Following the hints reads all of it, once.
      const seen: Array<string> = []
      for (let start: number | undefined = 1; start !== undefined;) {
        const part = yield* read("long.txt", { startLine: start })
        const [content = "", hint = ""] = part.split("\n\n[")
        seen.push(...content.split("\n"))
        const more = /startLine (\d+)/.exec(hint)
        start = more === null ? undefined : Number(more[1])
      }
      assert.deepStrictEqual(seen, lines)
      assert.isAbove(Number(next), 1)
      assert.strictEqual(
        yield* read("long.txt", { startLine: 29, lineCount: 1 }),
        "line 29 ä🦦\n\n[Lines 29 to 29 of 30. To read on: startLine 30.]"
      )
      assert.strictEqual(
        yield* read("long.txt", { startLine: 31 }),
        'ToolRetry: "long.txt" has 30 lines; line 31 is past the end.'
      )
    })
  )

  it.effect("cuts a line that is too long, and knows an empty file", () =>
    Effect.gen(function* () {
      const { read, write } = yield* world({ maxCharacters: 100 })
      yield* write("one-line.json", "x".repeat(150))
      assert.strictEqual(yield* read("one-line.json"), `${"x".repeat(100)}… (50 more characters of this line omitted)`)
      yield* write("empty.txt", "")
      assert.strictEqual(yield* read("empty.txt"), "(The file is empty.)")
    })
  )

  it.effect("names what may have been meant, and lists directories", () =>
    Effect.gen(function* () {
      const { read } = yield* world()
      assert.strictEqual(
        yield* read("oters.md"),
        'ToolRetry: There is no file "oters.md". Did you mean "otters.md"? The workspace contains: data/, otters.md'
      )
      assert.strictEqual(
        yield* read("data/count.csv"),
        'ToolRetry: There is no file "data/count.csv". Did you mean "data/counts.csv"? "data" contains: counts.csv, deep/'
      )
      assert.include(yield* read("dat/counts.csv"), 'Did you mean "data/"?')
      assert.include(yield* read("data/deep/x.txt"), '"data/deep" is empty')
      assert.include(yield* read("otters.md/x"), "a parent of the path is a file, not a directory")
      assert.strictEqual(yield* read("data"), "data is a directory. It contains: counts.csv, deep/")
      assert.strictEqual(yield* read("."), "The workspace is a directory. It contains: data/, otters.md")
      assert.strictEqual(yield* read("data/deep"), "data/deep is an empty directory.")
    })
  )

  it.effect("lists bearably many names", () =>
    Effect.gen(function* () {
      const { read, write } = yield* world()
      yield* Effect.forEach(
        Array.from({ length: 50 }, (_, n) => `data/deep/file-${100 + n}.txt`),
        (name) => write(name, "x")
      )
      const answer = yield* read("data/deep")
      assert.match(answer, /file-100\.txt, .* and 20 more$/)
    })
  )

  it.effect("refuses what is no text, too large, or no file", () =>
    Effect.gen(function* () {
      const { read, write } = yield* world({ maxBytes: 1_000 })
      yield* write("image.png", new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0, 1, 2]))
      yield* write("latin1.txt", new Uint8Array([0x47, 0xfc, 0x6e]))
      yield* write("large.txt", "x".repeat(1_001))
      assert.match(yield* read("image.png"), /^ToolFailed: "image\.png" is not UTF-8 text/)
      assert.match(yield* read("latin1.txt"), /^ToolFailed: "latin1\.txt" is not UTF-8 text/)
      assert.match(yield* read("large.txt"), /^ToolFailed: "large\.txt" is too large/)
      assert.match(yield* read("otters.md", { startLine: 0 }), /^ToolRetry: The arguments are not valid/)
      assert.match(yield* read(""), /^ToolRetry: The arguments are not valid/)
    })
  )

  it.effect("says when the workspace is not there, without telling where it would be", () =>
    Effect.gen(function* () {
      const { base, paths } = yield* world()
      const tool = yield* Tools.FileRead.make({ workspace: paths.join(base, "nowhere") })
      const error = yield* Effect.flip(tool.execute({ path: "a" }, context))
      assert.strictEqual(error.message, "The workspace directory cannot be read: it does not exist.")
    })
  )
})

layer(Node)("file_read, escapes", (it) => {
  it.effect("follows links inside of the workspace, and none that lead out", () =>
    Effect.gen(function* () {
      const { base, fileSystem, paths, read, workspace } = yield* world()
      const link = (to: string, name: string) => fileSystem.symlink(to, paths.join(workspace, name))
      yield* link("otters.md", "inside.md")
      yield* link("../secret.txt", "out.txt")
      yield* link(paths.join(base, "secret.txt"), "absolute.txt")
      yield* link("..", "up")
      yield* link("out.txt", "twice.txt")
      yield* link("loop", "loop")
      assert.strictEqual(yield* read("inside.md"), "# Otters\n\nThey swim.")
      for (const path of [
        "out.txt",
        "absolute.txt",
        "up/secret.txt",
        "twice.txt",
        "up",
        "up/workspace-2/secret.txt",
        "up/nothing.txt"
      ]) {
        const answer = yield* read(path)
        assert.match(answer, /^ToolRetry: ".*" is outside the workspace/, path)
      }
      assert.match(yield* read("loop"), /^ToolFailed: "loop" cannot be read/)
    })
  )

  it.effect("is taken out by no path", () =>
    Effect.gen(function* () {
      const { base, paths, read, workspace } = yield* world()
      for (const path of [
        "../secret.txt",
        "data/../../secret.txt",
        "../workspace-2/secret.txt",
        `${workspace}-2/secret.txt`,
        `${workspace}/../secret.txt`,
        paths.join(base, "secret.txt"),
        "/etc/passwd",
        "..",
        "/",
        "otters.md\0.txt"
      ]) {
        assert.match(yield* read(path), /^ToolRetry: .* is outside the workspace/s, path)
      }
      // Names that only look like a way out.
      assert.include(yield* read("..data"), "There is no file")
      assert.include(yield* read("~/secret.txt"), "There is no file")
      assert.include(yield* read("%2e%2e/secret.txt"), "There is no file")
    })
  )

  it.effect("shows the secret to no call", () =>
    Effect.gen(function* () {
      const { base, fileSystem, paths, read, workspace } = yield* world()
      yield* fileSystem.symlink("..", paths.join(workspace, "up"))
      const step = fc.constantFrom(
        "..",
        ".",
        "",
        "data",
        "up",
        "workspace",
        "workspace-2",
        "secret.txt",
        "~",
        base,
        "/"
      )
      const paths_ = fc.array(step, { minLength: 1, maxLength: 6 }).map((steps) => steps.join("/"))
      yield* Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(paths_, async (path) => {
            const answer = await Effect.runPromise(read(path))
            assert.notInclude(answer, secret)
            if (!path.includes(base)) assert.notInclude(answer, base)
          }),
          { numRuns: 300 }
        )
      )
    })
  )
})

describe("Tools.layer", () => {
  it.effect("offers both tools and the application's own", () =>
    Effect.gen(function* () {
      const toolbox = yield* Toolbox.Toolbox
      assert.deepStrictEqual(
        (yield* toolbox.list).map(({ name }) => name),
        ["file_read", "calculate", "mine"]
      )
    }).pipe(
      Effect.provide(
        Tools.layer({
          workspace: ".",
          tools: [
            {
              name: "mine",
              description: "d",
              parameters: { type: "object" },
              idempotent: true,
              execute: () => Effect.succeed(1)
            }
          ]
        }).pipe(Layer.provide(Node))
      )
    )
  )
})
