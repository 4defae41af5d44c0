/**
 * The packages as their users get them: packed, installed by npm in an empty application, imported,
 * required, compiled against and bundled. The tests have no access to the workspace's modules.
 */
import { build } from "esbuild"
import { execFile, spawn } from "node:child_process"
import {
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { createInterface } from "node:readline"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest"
import * as RedisServer from "../packages/queue-redis/test/RedisServer.ts"

const minute = 60_000
const root = join(import.meta.dirname, "..")

/**
 * npm passes its location to scripts in environment variables; an npm that they start must not
 * inherit them. No API keys either, so that no paid model is called.
 */
const environment = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^(npm_(package|lifecycle|command|config_local_prefix)|NODE_(ENV|OPTIONS|PATH)|VITEST|OPENAI_|ANTHROPIC_|OLLAMA_)/.test(
          name
        )
    )
  ),
  PATH: `${join(root, "node_modules", ".bin")}:${process.env["PATH"] ?? ""}`
}

interface Outcome {
  readonly ok: boolean
  readonly stdout: string
  /** Everything that was printed, for the message of a failure. */
  readonly text: string
}

/** `input`: the text typed by the user. */
const run = async (command: string, args: ReadonlyArray<string>, cwd: string, input = ""): Promise<Outcome> => {
  try {
    const options = { cwd, env: environment, maxBuffer: 64 * 1024 * 1024 }
    const running = promisify(execFile)(command, [...args], options)
    running.child.stdin?.end(input)
    const { stdout, stderr } = await running
    return { ok: true, stdout, text: stdout + stderr }
  } catch (error) {
    const { stdout = "", stderr = "", message } = error as { stdout?: string; stderr?: string; message: string }
    return { ok: false, stdout, text: `${message}\n${stdout}${stderr}` }
  }
}

const must = async (command: string, args: ReadonlyArray<string>, cwd: string): Promise<string> => {
  const outcome = await run(command, args, cwd)
  if (!outcome.ok) throw new Error(outcome.text)
  return outcome.stdout
}

/**
 * The guarantees of `docs/typescript.md`: without the DOM, and with type checks of the declarations
 * themselves.
 */
const compilerOptions = {
  target: "es2022",
  lib: ["es2022"],
  types: ["node"],
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  noEmit: true
}
const resolutions: { readonly [name: string]: object } = {
  nodenext: { module: "nodenext" },
  // It does not support `require` of ES modules.
  "node16 (ESM)": { module: "node16" },
  bundler: { module: "preserve", moduleResolution: "bundler" },
  "bundler with the DOM": { module: "preserve", moduleResolution: "bundler", lib: ["es2022", "dom"] }
}

/** The files of a small application. It is compiled as strictly as a user might. */
const application: { readonly [file: string]: string } = {
  ...Object.fromEntries(
    Object.entries(resolutions).map(([name, resolution]) => [
      `tsconfig.${name}.json`,
      JSON.stringify({
        compilerOptions: { ...compilerOptions, ...resolution },
        include: name.endsWith("(ESM)") ? ["*.mts"] : ["*.mts", "*.cts"]
      })
    ])
  ),
  "esm.mjs": `
    const names = JSON.parse(process.argv[2])
    const keys = {}
    for (const name of names) keys[name] = Object.keys(await import(name)).sort()
    console.log(JSON.stringify(keys))`,
  "closed.mjs": `
    const codes = {}
    for (const path of JSON.parse(process.argv[2])) codes[path] = await import(path).then(() => "imported", ({ code }) => code)
    console.log(JSON.stringify(codes))`,
  "commonjs.cjs": `
    const names = JSON.parse(process.argv[2])
    const keys = {}
    for (const name of names) keys[name] = Object.keys(require(name)).sort()
    console.log(JSON.stringify(keys))`,
  "consumer.mts": `
    import { Crew, Dag } from "@crewline/core"
    import * as CrewModule from "@crewline/core/Crew"
    import * as door from "crewline"
    import * as testing from "crewline/testing"
    import * as llm from "@crewline/llm"
    import * as memory from "@crewline/memory-pg"
    import * as queue from "@crewline/queue-redis"
    import * as server from "@crewline/server"
    import * as tools from "@crewline/tools"

    export const crew: CrewModule.Crew<unknown> = Crew.make({
      name: "first",
      agents: { writer: { role: "Writer", goal: "Write", backstory: "Wrote before." } },
      tasks: { write: { agent: "writer", description: "Write.", expectedOutput: "A text." } }
    })

    Crew.make({
      name: "misspelt",
      agents: { writer: { role: "Writer", goal: "Write", backstory: "Wrote before." } },
      // @ts-expect-error no agent has this name
      tasks: { write: { agent: "wirter", description: "Write.", expectedOutput: "A text." } }
    })

    export const modules: ReadonlyArray<object> = [Dag, door, testing, llm, memory, queue, server, tools]`,
  "consumer.cts": `
    import core = require("@crewline/core")

    export const make: object = core.Crew.make`
}

/**
 * Packages that cannot be bundled: both load WebAssembly and data files from beside their own
 * module. Only they are installed where the bundle runs.
 */
const installed = "@electric-sql"

/** Bundles the application of `fixtures/bundled.mjs`; answers the file. */
const bundle = async (app: string, folder: string, format: "esm" | "cjs"): Promise<string> => {
  copyFileSync(join(import.meta.dirname, "fixtures", "bundled.mjs"), join(app, "bundled.mjs"))
  const place = join(folder, format)
  mkdirSync(join(place, "node_modules"), { recursive: true })
  symlinkSync(join(app, "node_modules", installed), join(place, "node_modules", installed))
  const file = join(place, format === "esm" ? "main.mjs" : "main.cjs")
  // CommonJS in an ESM bundle (ioredis and others) requires modules of Node, for which esbuild
  // expects a `require`.
  const js = 'import { createRequire as from } from "node:module"; const require = from(import.meta.url)'
  await build({
    entryPoints: [join(app, "bundled.mjs")],
    outfile: file,
    bundle: true,
    platform: "node",
    target: "node22",
    format,
    external: [`${installed}/*`],
    banner: format === "esm" ? { js } : {},
    logLevel: "silent"
  })
  return file
}

interface Example {
  /** The arguments of `npm start`. */
  readonly args: ReadonlyArray<string>
  /** The text typed by the user. */
  readonly input?: string
  readonly shows: string
}

const examples: { readonly [name: string]: Example } = {
  "01-first-crew": { args: ["otters"], shows: "otters" },
  "02-effect": { args: ["otters"], shows: "otters" },
  "03-approval": { args: ["Ada"], input: "friendly\nyes\n", shows: "Sent to " },
  "04-managed-crew": { args: ["otters"], shows: "brief is reviewed by the manager: accept" },
  "05-data-report": { args: [], shows: "Sales were 77718300 in all." },
  "06-memory": { args: [], shows: "lesson: Always name the price in euros." },
  "07-dynamic-crew": { args: ["Explain tides"], shows: "organisation: one agent" },
  crews: { args: ["--input", "topic=which planet is the densest"], shows: "which planet is the densest" }
}

/** Copies an example as it is in git, without `node_modules`. */
const copyExample = (name: string, place: string) =>
  cpSync(join(root, "examples", name), place, {
    recursive: true,
    filter: (source) => basename(source) !== "node_modules"
  })

/** Makes an application as on the first page of the documentation. */
const makeSmall = (place: string, tarballs: ReadonlyMap<string, string>) => {
  cpSync(join(import.meta.dirname, "fixtures", "packed-consumer"), place, { recursive: true })
  const dependencies = {
    crewline: tarballs.get("crewline")!,
    openai: "^7",
    zod: "^4",
    express: "^5",
    "@types/node": "*"
  }
  const overrides = Object.fromEntries([...tarballs].filter(([name]) => name !== "crewline"))
  const manifest = { name: "small", private: true, type: "module", dependencies, overrides }
  writeFileSync(join(place, "package.json"), JSON.stringify(manifest))
  for (const [name, resolution] of Object.entries(resolutions)) {
    const options = { ...compilerOptions, ...resolution, target: "es2022" }
    writeFileSync(
      join(place, `tsconfig.${name}.json`),
      JSON.stringify({ compilerOptions: options, include: ["*.mts"] })
    )
  }
}

/** Megabytes on disk, in whole blocks, as `du` counts them. */
const megabytesOf = (place: string, names: ReadonlyArray<string>): number =>
  globSync(
    names.map((name) => `${name}/**`),
    { cwd: place }
  ).reduce((sum, file) => sum + lstatSync(join(place, file)).blocks / 2_048, 0)

/** TypeScript in Node 22 is behind a flag, which Node 24 takes, too. */
const strip = "--experimental-strip-types"

/** Reads the first event of `express.mjs`, and goes away. Answers how the execution ended. */
const disconnect = async (node: string, place: string): Promise<string> => {
  const server = spawn(node, ["express.mjs"], { cwd: place, env: environment, stdio: ["ignore", "pipe", "inherit"] })
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]()
  try {
    const { value: port } = await lines.next()
    const gone = new AbortController()
    const response = await fetch(`http://127.0.0.1:${port}/briefs/otters`, { signal: gone.signal })
    const { value } = await response.body!.getReader().read()
    expect(new TextDecoder().decode(value)).toContain("ExecutionStarted")
    gone.abort()
    return String((await lines.next()).value)
  } finally {
    server.kill()
  }
}

/** The version of Node that runs the tests, and another one where there is one. */
const nodes = [process.execPath, ...(process.env["TEST_NODE_22"] === undefined ? [] : [process.env["TEST_NODE_22"]])]

describe("packed packages in an empty application", () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "crewline-packages-")))
  const app = join(folder, "app")
  let names: ReadonlyArray<string> = []
  /** An application that has installed only the package `crewline` of ours. */
  const small = join(folder, "small")
  let offline: string | undefined

  const needsRegistry = (context: TestContext) => {
    if (offline !== undefined) context.skip(offline)
  }

  beforeAll(async () => {
    mkdirSync(app)
    for (const [file, text] of Object.entries(application)) writeFileSync(join(app, file), text)
    const packed = await must(process.execPath, [join(root, "scripts", "pack.mjs"), folder], root)
    const tarballs = new Map(
      packed
        .trim()
        .split("\n")
        .map((line): [string, string] => {
          const [name = "", file = ""] = line.split(" ")
          return [name, `file:${file}`]
        })
    )
    names = [...tarballs.keys()]
    const dependencies = Object.fromEntries(tarballs)
    // The packages depend on each other by version: these must resolve to the tarballs, not to
    // packages of a registry.
    const overrides = Object.fromEntries(names.map((name) => [name, `$${name}`]))
    // Each example is installed by its own manifest; one installation for all of them saves a
    // minute.
    for (const name of Object.keys(examples)) copyExample(name, join(app, "examples", name))
    const workspaces = ["examples/*"]
    const manifest = { name: "application", private: true, type: "module", dependencies, overrides, workspaces }
    writeFileSync(join(app, "package.json"), JSON.stringify(manifest))
    const args = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]
    makeSmall(small, tarballs)
    const outcomes = [await run("npm", args, app), await run("npm", args, small)]
    const outcome = outcomes.find(({ ok }) => !ok)
    if (outcome === undefined) return
    if (!/code (ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENOTCACHED)/.test(outcome.text))
      throw new Error(outcome.text)
    offline = "the npm registry cannot be reached"
  }, 10 * minute)

  afterAll(() => rmSync(folder, { recursive: true, force: true }), 5 * minute)

  const keysBy = async (file: string): Promise<{ readonly [name: string]: ReadonlyArray<string> }> =>
    JSON.parse(await must("node", [file, JSON.stringify([...names, "crewline/testing"])], app))

  it("are all there", (context) => {
    needsRegistry(context)
    const scoped = ["core", "llm", "memory-pg", "queue-redis", "server", "tools", "words"].map(
      (name) => `@crewline/${name}`
    )
    expect([...names].sort()).toEqual([...scoped, "crewline"].sort())
  })

  it("can be imported and, on Node >= 22, required with the same result", { timeout: minute }, async (context) => {
    needsRegistry(context)
    const imported = await keysBy("esm.mjs")
    for (const [name, keys] of Object.entries(imported)) expect(keys, name).not.toEqual([])
    const required = await keysBy("commonjs.cjs")
    for (const [name, keys] of Object.entries(imported)) {
      expect(
        required[name]?.filter((key) => key !== "__esModule"),
        name
      ).toEqual(keys)
    }
  })

  it("keep every folder to themselves", { timeout: minute }, async (context) => {
    needsRegistry(context)
    const paths = globSync("packages/*/src/**/*/", { cwd: root }).flatMap((folder) => {
      const [, name, , ...door] = folder.split("/").filter(Boolean)
      const [file] = readdirSync(join(root, folder)).filter((entry) => entry.endsWith(".ts") && entry !== "index.ts")
      return file === undefined
        ? []
        : [[name === "crewline" ? name : `@crewline/${name}`, ...door, basename(file, ".ts")].join("/")]
    })
    expect(paths).toContain("@crewline/core/testing/BroadcastContract")
    expect(paths).toContain("@crewline/core/Worker/Ledger/Appending")
    const codes: { readonly [path: string]: string } = JSON.parse(
      await must("node", ["closed.mjs", JSON.stringify(paths)], app)
    )
    expect(codes).toEqual(Object.fromEntries(paths.map((path) => [path, "ERR_PACKAGE_PATH_NOT_EXPORTED"])))
  })

  it.for(Object.keys(resolutions))(
    "compile in a strict application: %s",
    { timeout: 2 * minute },
    async (name, context) => {
      needsRegistry(context)
      const outcome = await run("tsc", ["-p", `tsconfig.${name}.json`], app)
      expect(outcome.text).toBe("")
    }
  )

  it.for(["esm", "cjs"] as const)(
    "run in a bundle of esbuild: %s",
    { timeout: 2 * minute },
    async (format, context) => {
      needsRegistry(context)
      const file = await bundle(app, folder, format)
      // Without a Redis the scripts are still sent, to a transport that keeps them.
      const redis = RedisServer.missing === undefined ? [RedisServer.url.href] : []
      const outcome = await run("node", [file, join(folder, format), ...redis], folder)
      expect(outcome.ok, outcome.text).toBe(true)
      // After the log of the server.
      expect(JSON.parse(outcome.stdout.trim().split("\n").at(-1)!)).toEqual({
        database: "memory",
        output: expect.stringContaining("calculate (expression: 6 * 7) gives 42"),
        status: "completed",
        scripts: [expect.stringMatching(/^local run = /m)]
      })
    }
  )

  it("are named in the examples by versions that can be published", () => {
    const folders = readdirSync(join(root, "examples"), { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() && entry.name !== "node_modules" ? [entry.name] : []
    )
    expect(folders.sort()).toEqual(Object.keys(examples).sort())
    const catalog = readFileSync(join(root, "pnpm-workspace.yaml"), "utf8")
      .split("\ncatalog:\n")[1]
      ?.split("\n")
      .map((line) => line.trim().replaceAll('"', ""))
    const version: string = JSON.parse(readFileSync(join(root, "packages/core/package.json"), "utf8")).version
    for (const name of folders) {
      const manifest: { readonly dependencies: Readonly<Record<string, string>> } = JSON.parse(
        readFileSync(join(root, "examples", name, "package.json"), "utf8")
      )
      for (const [dependency, range] of Object.entries(manifest.dependencies)) {
        if (names.includes(dependency)) expect(range, name).toBe(`^${version}`)
        else expect(catalog, name).toContain(`${dependency}: ${range}`)
      }
    }
  })

  it.for(Object.entries(examples))(
    "run a copy of the example %s",
    { timeout: minute },
    async ([name, { args, input, shows }], context) => {
      needsRegistry(context)
      const outcome = await run("npm", ["start", "--silent", "--", ...args], join(app, "examples", name), input)
      expect(outcome.ok, outcome.text).toBe(true)
      expect(outcome.stdout).toContain(shows)
    }
  )

  describe("crewline alone", () => {
    it("brings neither a database nor the SDK of a provider that nobody asked for", (context) => {
      needsRegistry(context)
      const modules = join(small, "node_modules")
      const absent = ["@electric-sql", "@anthropic-ai", "ollama", "gpt-tokenizer", "ioredis", "@crewline/server"]
      expect(absent.filter((name) => existsSync(join(modules, name)))).toEqual([])
      const others = ["express", "zod"]
      expect(others.filter((name) => !existsSync(join(modules, name)))).toEqual([])
      expect(megabytesOf(modules, ["crewline", "@crewline", "effect", "openai", "undici", "yaml"])).toBeLessThan(110)
    })

    it("is imported without Effect and without an SDK", { timeout: minute }, async (context) => {
      needsRegistry(context)
      const script = `
        import { registerHooks } from "node:module"
        const loaded = []
        registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
        await import("crewline")
        console.log(JSON.stringify(loaded))`
      const loaded: ReadonlyArray<string> = JSON.parse(await must("node", ["--input-type=module", "-e", script], small))
      expect(loaded.length).toBeGreaterThan(0)
      expect(loaded.filter((url) => !url.includes("/node_modules/crewline/"))).toEqual([])
    })

    it("runs two steps with a tool and typed output in at most 14 lines", { timeout: minute }, async (context) => {
      needsRegistry(context)
      const text = readFileSync(join(small, "order.mts"), "utf8")
      expect(text.split("\n").filter((line) => line.trim() !== "").length).toBeLessThanOrEqual(14)
      for (const node of nodes) expect(await must(node, [strip, "order.mts"], small)).toMatch(/^\d+\n$/)
    })

    it("is tested with a script in place of models", { timeout: minute }, async (context) => {
      needsRegistry(context)
      for (const node of nodes) {
        const outcome = await run(node, [strip, "--test", "script.test.mts"], small)
        expect(outcome.ok, outcome.text).toBe(true)
      }
    })

    it("cancels an execution whose reader in Express goes away", { timeout: minute }, async (context) => {
      needsRegistry(context)
      for (const node of nodes) expect(await disconnect(node, small)).toBe("cancelled cancelled")
    })

    it.for(Object.keys(resolutions))(
      "compiles, its declarations included: %s",
      { timeout: minute },
      async (name, context) => {
        needsRegistry(context)
        const outcome = await run("tsc", ["-p", `tsconfig.${name}.json`], small)
        expect(outcome.text).toBe("")
      }
    )

    it("is bundled by esbuild without what is not installed", { timeout: minute }, async (context) => {
      needsRegistry(context)
      const outfile = join(folder, "bundled-order.mjs")
      await build({
        entryPoints: [join(small, "order.mts")],
        outfile,
        bundle: true,
        platform: "node",
        format: "esm",
        logLevel: "silent"
      })
      for (const node of nodes) expect(await must(node, [outfile], folder)).toMatch(/^\d+\n$/)
    })

    it("says what to install when something is not", { timeout: minute }, async (context) => {
      needsRegistry(context)
      const { text } = await run("node", ["missing.mjs"], small)
      expect(text.trim().split("\n")).toEqual([
        "MissingPackage npm install @crewline/memory-pg",
        "MissingPackage npm install @crewline/memory-pg",
        "MissingPackage npm install @crewline/queue-redis",
        "ExecutionFailed npm install @anthropic-ai/sdk",
        "ExecutionFailed npm install ollama"
      ])
      const command = await run("node", [join(small, "node_modules", "crewline", "bin", "crewline.mjs")], small)
      expect(command).toMatchObject({ ok: false, text: expect.stringContaining("npm install @crewline/server") })
    })
  })

  it("bring the crewline command", { timeout: minute }, async (context) => {
    needsRegistry(context)
    const outcome = await run(
      "node",
      [join(app, "node_modules", "@crewline", "server", "bin", "crewline.mjs"), "--help"],
      app
    )
    expect(outcome.ok, outcome.text).toBe(true)
    expect(outcome.stdout).toContain("validate")
    const same = await must("node", [join(app, "node_modules", "crewline", "bin", "crewline.mjs"), "--help"], app)
    expect(same).toBe(outcome.stdout)
  })
})
