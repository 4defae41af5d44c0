import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import type * as Path from "effect/Path"
import type * as Scope from "effect/Scope"
import * as Tenant from "../src/Tenant.ts"
import * as Workspace from "../src/Workspace.ts"

/**
 * A directory that goes with the test, with a workspace in it and something beside the workspace.
 */
const inDirectory = <A, E>(
  body: (parts: {
    readonly files: FileSystem.FileSystem
    readonly directory: string
    readonly write: Workspace.Files["write"]
    readonly read: Workspace.Files["read"]
    readonly workspace: Workspace.Files
  }) => Effect.Effect<A, E, Scope.Scope | FileSystem.FileSystem | Path.Path>
) =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const around = yield* files.makeTempDirectoryScoped({ prefix: "crewline-test-" })
    yield* files.makeDirectory(`${around}/outside`)
    yield* files.writeFileString(`${around}/outside/kept.txt`, "kept")
    const directory = `${around}/workspace`
    const workspace = (yield* Effect.provide(Workspace.Workspace, Workspace.layer({ directory }))).of("e")
    const { read, write } = workspace
    yield* body({ files, directory, read, workspace, write })
    assert.deepStrictEqual(yield* files.readDirectory(`${around}/outside`), ["kept.txt"])
    assert.strictEqual(yield* files.readFileString(`${around}/outside/kept.txt`), "kept")
    assert.deepStrictEqual(
      (yield* files.readDirectory(around)).filter((name) => name.startsWith("escaped")),
      []
    )
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

describe("Workspace", () => {
  it.effect("tells nobody where it is when the file system fails", () =>
    inDirectory(({ directory, write }) =>
      Effect.gen(function* () {
        yield* write("report", "a file where a folder is wanted")
        const { message } = yield* Effect.flip(write("report/inside.md", "x"))
        assert.notInclude(message, directory)
        assert.match(message, /^report\/inside\.md: ./)
      })
    )
  )

  it.effect("writes a file, with the folders it needs, and nothing else", () =>
    inDirectory(({ directory, files, write }) =>
      Effect.gen(function* () {
        yield* write("deep/er/report.md", "# Report")
        assert.strictEqual(yield* files.readFileString(`${directory}/deep/er/report.md`), "# Report")
        yield* write("deep/er/report.md", "# Another")
        assert.strictEqual(yield* files.readFileString(`${directory}/deep/er/report.md`), "# Another")
        assert.deepStrictEqual((yield* files.readDirectory(directory, { recursive: true })).sort(), [
          "deep",
          "deep/er",
          "deep/er/report.md"
        ])
      })
    )
  )

  it.effect("makes no directory before there is something to write", () =>
    inDirectory(({ directory, files }) =>
      Effect.gen(function* () {
        assert.isFalse(yield* files.exists(directory))
      })
    )
  )

  it.effect("refuses what leads outside", () =>
    inDirectory(({ directory, write }) =>
      Effect.gen(function* () {
        for (const path of [
          "../escaped.txt",
          "..",
          ".",
          "",
          "a/../../escaped.txt",
          `${directory}/../escaped.txt`,
          `${directory}/absolute.txt`,
          "/etc/escaped.txt"
        ]) {
          const error = yield* Effect.flip(write(path, "x"))
          assert.strictEqual(error._tag, "WorkspaceError")
          assert.include(error.message, "leads outside the workspace directory", path)
        }
      })
    )
  )

  it.effect("a name that only begins like the directory is not inside of it", () =>
    inDirectory(({ directory, write }) =>
      Effect.gen(function* () {
        assert.notInclude((yield* Effect.flip(write("../workspace-escaped/x", "x"))).message, directory)
      })
    )
  )

  it.effect("refuses a way through a link that leads outside, also when what it names does not exist", () =>
    inDirectory(({ directory, files, write }) =>
      Effect.gen(function* () {
        yield* files.makeDirectory(directory)
        yield* files.symlink(`${directory}/../outside`, `${directory}/link`)
        yield* files.symlink(`${directory}/../escaped`, `${directory}/dangling`)
        yield* files.symlink(directory, `${directory}/self`)
        for (const path of ["link/x.txt", "link/deep/x.txt", "self/link/x.txt"]) {
          assert.include((yield* Effect.flip(write(path, "x"))).message, "leads outside", path)
        }
        for (const path of ["dangling/x.txt", "dangling/deep/x.txt"]) {
          assert.strictEqual((yield* Effect.flip(write(path, "x"))).path, path)
        }
        // A link that stays inside is one of the user's ways to arrange things.
        yield* write("self/inside.txt", "x")
        assert.strictEqual(yield* files.readFileString(`${directory}/inside.txt`), "x")
      })
    )
  )

  it.effect("replaces a link instead of following it", () =>
    inDirectory(({ directory, files, write }) =>
      Effect.gen(function* () {
        yield* files.makeDirectory(directory)
        yield* files.symlink(`${directory}/../outside/kept.txt`, `${directory}/report.txt`)
        yield* write("report.txt", "mine")
        assert.strictEqual(yield* files.readFileString(`${directory}/report.txt`), "mine")
      })
    )
  )

  it.effect("what cannot be written is a typed error, and leaves nothing behind", () =>
    inDirectory(({ directory, files, write }) =>
      Effect.gen(function* () {
        yield* files.makeDirectory(`${directory}/folder`, { recursive: true })
        yield* files.writeFileString(`${directory}/file`, "kept")
        for (const path of ["folder", "file/below.txt", "with\0zero.txt", "x".repeat(300)]) {
          const error = yield* Effect.flip(write(path, "x"))
          assert.strictEqual(error._tag, "WorkspaceError", path)
          assert.strictEqual(error.path, path)
        }
        assert.deepStrictEqual((yield* files.readDirectory(directory)).sort(), ["file", "folder"])
        assert.deepStrictEqual(yield* files.readDirectory(`${directory}/folder`), [])
      })
    )
  )

  it.effect("reads the bytes of what is inside, and nothing else", () =>
    inDirectory(({ directory, files, read, write }) =>
      Effect.gen(function* () {
        const absent = yield* Effect.flip(read("a.txt"))
        assert.strictEqual(absent.message, "a.txt: does not exist in the workspace")
        yield* write("deep/a.txt", "ä")
        assert.deepStrictEqual([...(yield* read("deep/a.txt"))], [0xc3, 0xa4])
        yield* files.symlink(`${directory}/../outside`, `${directory}/link`)
        yield* files.symlink(`${directory}/../outside/kept.txt`, `${directory}/kept.txt`)
        yield* files.symlink(`${directory}/deep/a.txt`, `${directory}/inside.txt`)
        assert.strictEqual((yield* read("inside.txt")).length, 2)
        const ways = ["link/kept.txt", "kept.txt", "../outside/kept.txt", `${directory}/deep/a.txt`, "", "."]
        for (const path of ways) {
          assert.include((yield* Effect.flip(read(path))).message, "leads outside the workspace directory", path)
        }
        assert.include((yield* Effect.flip(read("deep"))).message, "is not a file")
        assert.strictEqual((yield* Effect.flip(read("with\0zero.txt"))).path, "with\0zero.txt")
        yield* files.writeFile(`${directory}/large.png`, new Uint8Array())
        yield* files.truncate(`${directory}/large.png`, Workspace.maxBytes + 1)
        assert.strictEqual(
          (yield* Effect.flip(read("large.png"))).message,
          "large.png: has 33 MB; the maximum is 32 MB"
        )
      })
    )
  )

  it.effect("lists and deletes files, and parts paths at both kinds of slash", () =>
    inDirectory(({ directory, files, write, workspace }) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* workspace.list(), [])
        yield* write("b.txt", "two")
        yield* write("a\\deep/a.txt", "1")
        yield* files.symlink(`${directory}/../outside`, `${directory}/link`)
        const listed = yield* workspace.list()
        assert.deepStrictEqual(
          listed.map(({ path, size }) => [path, size]),
          [
            ["a/deep/a.txt", 1],
            ["b.txt", 3]
          ]
        )
        assert.deepStrictEqual(
          (yield* workspace.list("a")).map(({ path }) => path),
          ["a/deep/a.txt"]
        )
        for (const folder of ["..", "a\\..\\..", "/", "link"])
          assert.strictEqual((yield* Effect.flip(workspace.list(folder))).code, "path-refused", folder)
        for (const path of ["a\\..\\..\\outside\\kept.txt", "link/kept.txt", "C:x", "a/deep"])
          assert.strictEqual((yield* Effect.flip(workspace.remove(path))).code, "path-refused", path)
        yield* workspace.remove("b.txt")
        assert.strictEqual((yield* Effect.flip(workspace.remove("b.txt"))).code, "not-found")
        assert.deepStrictEqual(
          (yield* workspace.list()).map(({ path }) => path),
          ["a/deep/a.txt"]
        )
      })
    )
  )

  it.effect("keeps executions and tenants apart, within a quota each, and forgets the files of one", () =>
    inDirectory(({ directory }) =>
      Effect.gen(function* () {
        const options = { directory, perExecution: true, maxTotalBytes: 10 }
        const workspace = yield* Effect.provide(Workspace.Workspace, Workspace.layer(options))
        const as = Effect.provideService(Tenant.Current, "../acme")
        yield* workspace.of("one").write("a.txt", "12345678")
        yield* workspace.of("one").write("a.txt", "1234567890")
        assert.strictEqual((yield* Effect.flip(workspace.of("one").write("b.txt", "1"))).code, "quota-exceeded")
        yield* workspace.of("two").write("b.txt", "1")
        assert.deepStrictEqual(yield* as(workspace.of("one").list()), [])
        yield* as(workspace.of("one").write("theirs.txt", "1"))
        yield* workspace.forget("one")
        assert.deepStrictEqual(yield* workspace.of("one").list(), [])
        assert.strictEqual((yield* workspace.of("two").list()).length, 1)
        assert.strictEqual((yield* as(workspace.of("one").list())).length, 1)
      })
    )
  )

  it.effect("is nowhere unless the application says where", () =>
    Effect.gen(function* () {
      const { read, write } = (yield* Workspace.Workspace).of("e")
      assert.include((yield* Effect.flip(read("a.txt"))).message, "a.txt: this application has no workspace")
      assert.include((yield* Effect.flip(write("a.txt", "x"))).message, "a.txt: this application has no workspace")
    }).pipe(Effect.provide(Workspace.layerNone))
  )
})
