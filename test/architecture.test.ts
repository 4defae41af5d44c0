/**
 * Which package may depend on which. The table is the decision; the tests check manifests, project
 * references and actual imports against it. To change the architecture, change the table and
 * explain why on a page in `decisions/`.
 */
import { globSync, readdirSync, readFileSync, statSync } from "node:fs"
import { builtinModules } from "node:module"
import { basename, dirname, join, relative, resolve } from "node:path"
import { describe, expect, it } from "vitest"
import { floors } from "./floors.ts"
import * as Sources from "./Sources.ts"

interface Allowed {
  /** Packages of ours. */
  readonly ours: ReadonlyArray<string>
  /** Packages of others. */
  readonly others: ReadonlyArray<string>
  /** Of others, for `src/testing` only: its users bring a test runner anyway. */
  readonly testing?: ReadonlyArray<string>
  /** Of others, packages that the build bundles, so that users need not install them. */
  readonly bundled?: ReadonlyArray<string>
  /** Whether the modules of Node may be used. */
  readonly node: boolean
}

const table: { readonly [name: string]: Allowed } = {
  core: {
    ours: [],
    others: ["effect", "yaml"],
    testing: ["@effect/vitest", "fast-check", "vitest"],
    node: false
  },
  llm: {
    // The word vectors are optional, and loaded on first use.
    ours: ["core", "words"],
    others: ["@anthropic-ai/sdk", "effect", "ollama", "openai", "undici"],
    bundled: ["gpt-tokenizer"],
    node: true
  },
  tools: {
    ours: ["core"],
    others: ["@duckdb/node-api", "effect", "htmlparser2", "quickjs-wasi", "undici"],
    node: true
  },
  words: { ours: ["core"], others: ["effect"], node: true },
  "memory-pg": {
    ours: ["core"],
    others: ["@effect/sql-pg", "@electric-sql/pglite", "@electric-sql/pglite-pgvector", "effect"],
    node: true
  },
  "queue-redis": { ours: ["core"], others: ["bullmq", "effect", "ioredis"], node: true },
  server: {
    ours: ["core", "llm", "memory-pg", "queue-redis", "tools"],
    // The SDKs are for `@crewline/llm`, which leaves the choice to applications.
    others: [
      "@anthropic-ai/sdk",
      "@effect/platform-node",
      "effect",
      "jose",
      "jsonc-parser",
      "ollama",
      "openai",
      "quickjs-wasi",
      "ws"
    ],
    node: true
  },
  crewline: {
    ours: ["core", "llm", "memory-pg", "queue-redis", "server", "tools"],
    others: ["@anthropic-ai/sdk", "effect", "ollama", "openai"],
    node: true
  }
}

/** Applies to hand-written files; `npm run generate` joins shorter files. */
const lineLimit = 500
const isGenerated = (file: string): boolean => read(file).startsWith("// Generated")
const functionLimit = 120
const commentLimit = 100
/** Listeners that need no guard, by file and event, and why. */
const unguarded: { readonly [listener: string]: string } = {
  "llm/UndiciFetch.ts: abort": "catches for itself, and has no logger",
  "llm/UndiciFetch/Decoding.ts: data": "catches for itself, and has no logger",
  "llm/UndiciFetch/Decoding.ts: end": "only wakes the reader of a body",
  "llm/UndiciFetch/Decoding.ts: error": "only wakes the reader of a body",
  "memory-pg/Postgres/FirstReachable.ts: close": "only destroys a stream",
  "memory-pg/Postgres/FirstReachable.ts: connect": "only adds listeners and answers its caller",
  "memory-pg/Postgres/FirstReachable.ts: data": "only hands bytes on",
  "memory-pg/Postgres/FirstReachable.ts: end": "only ends a stream",
  "memory-pg/Postgres/FirstReachable.ts: error": "only destroys a stream, or goes on with the next host",
  "memory-pg/Postgres/TlsOffer.ts: close": "only resumes a fiber",
  "memory-pg/Postgres/TlsOffer.ts: data": "only resumes a fiber",
  "memory-pg/Postgres/TlsOffer.ts: error": "only resumes a fiber",
  "queue-redis/BullTaskQueue.ts: error": "the named callback is empty",
  "queue-redis/RedisConnection.ts: end": "only resumes a fiber",
  "queue-redis/RedisConnection/Client.ts: ready": "only sets a variable",
  "server/Listener.ts: finish": "only destroys a socket that is done with",
  "tools/CodeRun/Sandbox.ts: error": "only ends the run",
  "tools/CodeRun/Sandbox.ts: exit": "only ends the run",
  "tools/CodeRun/Sandbox.ts: message": "catches what it parses, and ends the run",
  "tools/CodeRun/Thread.ts: message": "runs in a thread without imports, which may end",
  "tools/Data/Process.ts: disconnect": "runs in a process without imports, which ends",
  "tools/Data/Process.ts: message": "runs in a process without imports, which may end",
  "tools/Data/Query.ts: error": "only resumes a fiber",
  "tools/Data/Query.ts: exit": "only resumes a fiber",
  "tools/Data/Query.ts: message": "only resumes a fiber",
  "server/Watchdog.ts: Debugger.paused": "runs in a thread without imports, in a process that ends",
  "server/Watchdog.ts: Debugger.scriptParsed": "runs in a thread without imports, in a process that ends"
}
/** Names that do not describe their contents. */
const emptyNames = /^(common|helpers?|interfaces?|internal|misc|shared|types?|utils?)$/i
/** Modules that clients import, also in browsers. */
const isForBrowsers = (name: string, file: string): boolean => name === "server" && /^src\/Api(\.ts$|\/)/.test(file)

const root = join(import.meta.dirname, "..")
const names = Object.keys(table)
const folder = (name: string): string => join(root, "packages", name)
const read = (file: string): string => readFileSync(file, "utf8")
const readJson = (file: string) => JSON.parse(read(file))
const sources = (name: string): ReadonlyArray<string> => globSync("src/**/*.ts", { cwd: folder(name) }).sort()

/** The text of every source, by its path from `src`. */
const texts = (name: string): ReadonlyMap<string, string> =>
  new Map(sources(name).map((file) => [file.slice("src/".length), read(join(folder(name), file))]))

/** `@scope/name` of `@scope/name/module`. */
const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/")

/** The reason why a file must not import this; `undefined` if it may. */
const objection = (name: string, file: string, specifier: string): string | undefined => {
  const allowed = table[name]!
  const inTesting = file.startsWith("src/testing/")
  if (specifier.startsWith(".")) {
    const target = resolve(folder(name), dirname(file), specifier)
    if (relative(join(folder(name), "src"), target).startsWith("..")) return "leaves the sources of the package"
    if (!specifier.endsWith(".ts") && !specifier.endsWith(".json")) return "needs the ending .ts"
    // Test code ships only under ./testing, for applications that have the test runner.
    return !inTesting && target.startsWith(join(folder(name), "src", "testing")) ? "is test code" : undefined
  }
  if (specifier.startsWith("node:") || builtinModules.includes(specifier)) {
    if (!specifier.startsWith("node:")) return "needs the prefix node:"
    return allowed.node && !isForBrowsers(name, file) ? undefined : "needs Node, and this runs anywhere"
  }
  if (specifier.startsWith("effect/sql/") && isForBrowsers(name, file)) return "is SQL, which no client needs"
  if (specifier === "effect") return "is the barrel: import the module, as in effect/Effect"
  const imported = packageOf(specifier)
  if (imported === `@crewline/${name}`) return "is the package itself: import the file"
  if (imported.startsWith("@crewline/")) {
    if (!allowed.ours.includes(imported.slice("@crewline/".length))) return "is a package that this one must not know"
    return /^@crewline\/[^/]+\/(src|dist|internal)(\/|$)/.test(specifier) ? "is another package's internals" : undefined
  }
  if (allowed.others.includes(imported) || allowed.bundled?.includes(imported)) return undefined
  return inTesting && allowed.testing?.includes(imported) ? undefined : "is not in the table of dependencies"
}

it("the table names every package", () => {
  expect(readdirSync(join(root, "packages")).sort()).toEqual([...names].sort())
  const references = readJson(join(root, "tsconfig.json")).references.map(({ path }: { path: string }) =>
    basename(path)
  )
  expect(references.sort()).toEqual([...names].sort())
})

describe("the guard itself", () => {
  it.each([
    ["core", "src/Crew.ts", "node:fs", "needs Node"],
    ["core", "src/Crew.ts", "effect", "barrel"],
    ["core", "src/Crew.ts", "openai", "not in the table"],
    ["core", "src/Crew.ts", "vitest", "not in the table"],
    ["core", "src/Crew.ts", "./testing/Suite.ts", "test code"],
    ["core", "src/Crew.ts", "@crewline/llm", "must not know"],
    ["llm", "src/Llm.ts", "../../core/src/Crew.ts", "leaves the sources"],
    ["llm", "src/Llm.ts", "./Other", "ending .ts"],
    ["llm", "src/Llm.ts", "fs", "prefix node:"],
    ["llm", "src/Llm.ts", "@crewline/tools", "must not know"],
    ["llm", "src/Llm.ts", "@crewline/fake-provider", "must not know"],
    ["llm", "src/Llm.ts", "@crewline/core/internal/Text", "internals"],
    ["server", "src/Api.ts", "node:fs", "needs Node"],
    ["server", "src/Api/Page.ts", "effect/sql/SqlClient", "is SQL"]
  ])("refuses in %s, %s: %s", (name, file, specifier, reason) => {
    expect(objection(name, file, specifier)).toContain(reason)
  })

  it.each([
    ["core", "src/testing/Suite.ts", "vitest"],
    ["core", "src/Crew.ts", "effect/Effect"],
    ["server", "src/Cli/Output.ts", "../Api.ts"],
    ["server", "src/Cli.ts", "@crewline/core/Crew"],
    ["server", "src/Cli.ts", "node:path"],
    ["tools", "src/FileRead.ts", "node:path"]
  ])("lets %s, %s: %s pass", (name, file, specifier) => {
    expect(objection(name, file, specifier)).toBeUndefined()
  })
})

it("the fake provider knows nothing of the packages that it is there to test", () => {
  const folder = join(root, "fake-provider", "src")
  const ours = globSync("**/*.ts", { cwd: folder }).flatMap((file) =>
    Sources.imports(read(join(folder, file))).filter((specifier) => specifier.startsWith("@crewline/"))
  )
  expect(ours).toEqual([])
})

describe("the guard of functions", () => {
  const lines = (count: number) => "  work()\n".repeat(count)

  it.each([
    ["a function", `const make = () => {\n${lines(3)}}`],
    ["a function declaration", `function make() {\n${lines(3)}}`],
    ["a generator", `export const make = Effect.gen(function* () {\n${lines(3)}})`],
    ["a method", `class Made {\n  make() {\n${lines(3)}  }\n}`]
  ])("finds %s that is too long", (_, text) => {
    expect(Sources.longFunctions(`// First\n${text}`, 4)).toEqual([expect.stringContaining("a function of 5 lines")])
    expect(Sources.longFunctions(`// First\n${text}`, 5)).toEqual([])
  })
})

describe("the guard of comments", () => {
  const words = "words ".repeat(6).trim()

  it.each([
    ["a line comment", `  // ${words}`],
    ["a docstring on one line", `/** ${words} */`],
    ["a line of a docstring", `/**\n * ${words}\n */`]
  ])("finds %s that is too long", (_, text) => {
    const length = Math.max(...text.split("\n").map((line) => line.length))
    expect(Sources.longComments(`work()\n${text}`, length)).toEqual([])
    expect(Sources.longComments(`work()\n${text}`, length - 1)).toEqual([
      `line ${text.includes("\n") ? 3 : 2}: a comment of ${length} columns`
    ])
  })

  it.each([
    ["code", `work("${words}")`],
    ["a generator method", `/** Short. */\n  *finish(${words}) {}`],
    ["a comment after code", `work() // ${words}`],
    ["a section rule", `// --- ${words} ---`],
    ["an example of a command", `/**\n *     node ${words}\n */`],
    ["a URL", `// https://example.com/ ${words}`],
    ["a compiler directive", `// @ts-expect-error ${words}`]
  ])("lets %s pass", (_, text) => {
    expect(Sources.longComments(text, 20)).toEqual([])
  })
})

describe("the guard of listeners", () => {
  it.each([
    ["on", 'socket.on("data", (text) => JSON.parse(text))', ["data"]],
    ["once", 'emitter?.once("end", done)', ["end"]],
    ["addListener", "client.addListener(event, function () { work() })", ["event"]],
    ["addEventListener", 'signal?.addEventListener("abort", this.#abort)', ["abort"]],
    ["chained calls", 'make().on("error", () => { work() })', ["error"]],
    ["an unguarded one inside", 'a.on("x", guarded("x", () => b.on("y", () => work())))', ["y"]]
  ])("finds %s", (_, text, events) => {
    expect(Sources.rawListeners(text)).toEqual(events)
  })

  it.each([
    'socket.on("data", guarded("Reading", (text) => JSON.parse(text)))',
    'this.socket.on("data", this.guarded("Reading", read))',
    'const failed = guarded("Listening", fail)\nserver.once("error", failed)',
    'socket.on("error", () => {})',
    'socket.on("error", () => undefined)',
    '// socket.on("data", read)'
  ])("lets %s pass", (text) => {
    expect(Sources.rawListeners(text)).toEqual([])
  })

  it("has exceptions only for listeners that are there", () => {
    const found = names.flatMap((name) =>
      Array.from(texts(name)).flatMap(([file, text]) =>
        Sources.rawListeners(text).map((event) => `${name}/${file}: ${event}`)
      )
    )
    expect(Object.keys(unguarded).filter((listener) => !found.includes(listener))).toEqual([])
  })
})

it("wraps every comment", () => {
  const files = globSync("{bench,chaos,examples,fake-provider,fuzz,packages,scripts,test}/**/*.{ts,mjs}", {
    cwd: root,
    exclude: (entry) => ["coverage", "dist", "node_modules", "scratchpad"].includes(basename(entry))
  })
  expect(files.length).toBeGreaterThan(1_000)
  const problems = files.flatMap((file) =>
    isGenerated(join(root, file))
      ? []
      : Sources.longComments(read(join(root, file)), commentLimit).map((problem) => `${file}, ${problem}`)
  )
  expect(problems).toEqual([])
})

describe("the guard of arguments", () => {
  it("finds lists that are spread into a call, and no others", () => {
    const calls = "all.push(...more)\nMath.max(0, ...sizes)\nf(() => list.unshift(...other))"
    expect(Sources.spreadArguments(calls)).toEqual([
      "all.push(...more)",
      "Math.max(0, ...sizes)",
      "list.unshift(...other)"
    ])
    expect(Sources.spreadArguments("all.push([...more])\nsocket.close(...reason)\n// all.push(...more)")).toEqual([])
  })
})

describe("the guard of floors", () => {
  const planted = (sources: { readonly [file: string]: string }) => Sources.graphOf(new Map(Object.entries(sources)))

  it.each([
    ["an import", 'import { b } from "./B.ts"'],
    ["an import of a type", 'import type { B } from "./B.ts"'],
    ["a re-export", 'export { b } from "./B.ts"'],
    ["a re-export as a namespace", 'export * as B from "./B.ts"'],
    ["import()", 'export const load = () => import("./B.ts")'],
    ["an imported type", 'export type B = import("./B.ts").B']
  ])("finds a circle by %s", (_, text) => {
    const graph = planted({
      "A.ts": text,
      "A/Part.ts": "",
      "B.ts": 'import "./A/Part.ts"\nimport "./C.ts"',
      "C.ts": 'import "./A.ts"'
    })
    expect(Sources.circles(graph)).toEqual(["A.ts -> B.ts -> C.ts -> A.ts"])
  })

  it("finds no circle in an example of a comment, nor where two import one", () => {
    const graph = planted({
      "A.ts": 'import "./B.ts"\nimport "./C.ts"',
      "B.ts": 'import "./C.ts"',
      "C.ts": '// import "./A.ts"\nexport const text = `import "./B.ts"`'
    })
    expect(Sources.circles(graph)).toEqual([])
  })

  it("refuses an import of what stands above, from a door and from a file of its folder", () => {
    const graph = planted({
      "Top.ts": 'import "./Low.ts"',
      "Low.ts": 'import "./Low/Part.ts"\nimport "./Side.ts"',
      "Low/Part.ts": 'import "../Top.ts"',
      "Side.ts": 'import type { Part } from "./Top/Part.ts"',
      "Top/Part.ts": ""
    })
    expect(Sources.upward(graph, [["Top"], ["Low", "Side"]])).toEqual([
      "Low/Part.ts imports Top.ts from above",
      "Side.ts imports Top/Part.ts from above"
    ])
  })

  it("refuses files on no floor or on two, and entries without a file", () => {
    expect(Sources.misplaced(["A.ts", "A/Part.ts", "Ab.ts"], [["A", "B"], ["A/Part"]])).toEqual([
      "A/Part.ts stands on 2 floors",
      "Ab.ts stands on no floor",
      "B is no file"
    ])
  })
})

describe.each(names)("%s", (name) => {
  const allowed = table[name]!
  const manifest = readJson(join(folder(name), "package.json"))

  it("declares the dependencies of the table, and no other", () => {
    const ours = allowed.ours.map((other) => `@crewline/${other}`)
    const declared = { ...manifest.dependencies, ...manifest.peerDependencies, ...manifest.optionalDependencies }
    expect(Object.keys(declared).sort()).toEqual([...ours, ...allowed.others, ...(allowed.testing ?? [])].sort())
    for (const other of allowed.testing ?? []) expect(manifest.peerDependenciesMeta[other]).toEqual({ optional: true })
    const { references = [] } = readJson(join(folder(name), "tsconfig.json"))
    expect(references.map(({ path }: { path: string }) => basename(path)).sort()).toEqual([...allowed.ours].sort())
  })

  it("imports only what the table allows", () => {
    const objections = sources(name).flatMap((file) =>
      Sources.imports(read(join(folder(name), file))).flatMap((specifier) => {
        const reason = objection(name, file, specifier)
        return reason === undefined ? [] : [`packages/${name}/${file}: "${specifier}" ${reason}`]
      })
    )
    expect(objections).toEqual([])
  })

  it("has no circle of imports", () => {
    expect(Sources.circles(Sources.graphOf(texts(name)))).toEqual([])
  })

  it("has each file on one floor, and no import of what stands above", () => {
    const levels = floors[name] ?? []
    expect(Sources.misplaced([...texts(name).keys()], levels)).toEqual([])
    expect(Sources.upward(Sources.graphOf(texts(name)), levels)).toEqual([])
  })

  it("offers the same modules from sources and when published, and closes every folder", () => {
    expect(Object.keys(manifest.publishConfig.exports)).toEqual(Object.keys(manifest.exports))
    // A pattern per folder: Node ignores keys with two `*`, so no single line could close them all.
    const folders = readdirSync(join(folder(name), "src"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `./${entry.name}/*`)
    const closed = Object.keys(manifest.exports).filter((path) => manifest.exports[path] === null)
    expect(closed.sort()).toEqual(folders.sort())
    for (const path of closed) expect(manifest.publishConfig.exports[path]).toBeNull()
  })

  it("has files with names that say something, each short enough to read", () => {
    const problems = sources(name).flatMap((file) => {
      const lines = read(join(folder(name), file)).split("\n").length - 1
      return [
        ...(emptyNames.test(basename(file, ".ts")) ? [`${file}: name it after its main export`] : []),
        ...(lines >= lineLimit && !isGenerated(join(folder(name), file))
          ? [`${file}: ${lines} lines, look for the second concept inside`]
          : [])
      ]
    })
    expect(problems).toEqual([])
  })

  it("guards every listener whose failure would end the process", () => {
    const raw = Array.from(texts(name)).flatMap(([file, text]) =>
      Sources.rawListeners(text).map((event) => `${name}/${file}: ${event}`)
    )
    expect(raw.filter((listener) => !(listener in unguarded))).toEqual([])
  })

  it("spreads no list of any length into arguments", () => {
    // Test support has only short lists.
    const spread = Array.from(texts(name)).flatMap(([file, text]) =>
      file.startsWith("testing/") ? [] : Sources.spreadArguments(text).map((call) => `${name}/${file}: ${call}`)
    )
    expect(spread).toEqual([])
  })

  it("has functions short enough to read", () => {
    const problems = Array.from(texts(name)).flatMap(([file, text]) =>
      Sources.longFunctions(text, functionLimit).map((problem) => `${file}, ${problem}: give each concern a part`)
    )
    expect(problems).toEqual([])
  })

  it("has a folder only beside a file of its name", () => {
    const entries = globSync("src/**/*", { cwd: folder(name) })
    const lonely = entries.filter((entry) => {
      if (/^src\/testing$/.test(entry) || !statSync(join(folder(name), entry)).isDirectory()) return false
      // Folders of Lua or SQL only are the sources of one generated module.
      if (!entries.some((file) => file.startsWith(`${entry}/`) && file.endsWith(".ts"))) return false
      return !entries.includes(`${entry}.ts`)
    })
    expect(lonely).toEqual([])
  })
})
