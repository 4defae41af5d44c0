/** Memory by meaning on a server: which embedder, and another one while it serves. */
import * as FakeProvider from "@crewline/fake-provider"
import * as Redacted from "effect/Redacted"
import * as Effect from "effect/Effect"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Embedders from "@crewline/llm/Embedders"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as PostgresServer from "../../memory-pg/test/PostgresServer.ts"
import * as InProcess from "./Cli/InProcess.ts"
import * as Storage from "./crash/Storage.ts"
import * as Server from "./fake/Server.ts"

const missing = Storage.postgresMissing ?? PostgresServer.missingVectors
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

/** Of two meanings; which one a text has, none of its words says. */
const vectorOf = (text: string) => (/otter|river animal/i.test(text) ? [1, 0, 0] : [0, 1, 0])

describe.skipIf(missing !== undefined)(missing ?? "the embedder of a server", { timeout: 60_000 }, () => {
  let storage: Storage.Storage
  let provider: FakeProvider.FakeProvider
  let server: Server.Running
  let env: Record<string, string>
  beforeAll(async () => {
    storage = await Storage.postgres()
    provider = await FakeProvider.start(FakeProvider.vectors(vectorOf))
    env = { ...storage.env, OPENAI_BASE_URL: provider.baseURL }
    const embedder = await Effect.runPromise(
      Effect.provide(Embedders.named("openai/first"), ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
    )
    server = await Server.start({
      database: { kind: "server", url: Redacted.make(storage.env["DATABASE_URL"]!) },
      embedder
    })
  }, 60_000)
  afterAll(async () => {
    await server.stop()
    await provider.stop()
    await storage.dispose()
  })

  it("finds what has no word in common with the query", async () => {
    for (const text of ["Otters hold hands asleep.", "Kettles boil water."])
      expect(await Server.request(`${server.url}/api/v1/memories`, { body: { text } })).toMatchObject({ status: 201 })
    const found = await Server.request(`${server.url}/api/v1/memories/search`, { body: { query: "a river animal" } })
    expect(found.body.items).toMatchObject([{ text: "Otters hold hands asleep.", parts: { vector: 1 } }])
  })

  it("changes by a command while the server serves, and the command can be repeated", async () => {
    const migrate = (...args: ReadonlyArray<string>) =>
      InProcess.run(["memory", "migrate", "--to", "openai/second", ...args], { env })
    const { code, stderr, stdout } = await migrate("--json")
    expect(code, stderr).toBe(0)
    expect(JSON.parse(stdout)).toEqual({ space: "openai/second", filled: 2, memories: 2 })
    const asked = provider.received.length
    expect((await migrate()).stdout).toBe(
      "2 of 2 memories have vectors of openai/second. Start servers and workers with CREWLINE_EMBEDDER=openai/second.\n"
    )
    // One text, for the length of the vectors.
    expect(provider.received.length).toBe(asked + 1)
    const search = await InProcess.run(["memory", "search", "a river animal"], {
      env: { ...env, CREWLINE_EMBEDDER: "openai/second" }
    })
    expect(search.stdout, search.stderr).toContain("Otters hold hands asleep.")
  })

  it("is listed with its vectors, which are deleted once another one is used", async () => {
    const spaces = (...args: ReadonlyArray<string>) =>
      InProcess.run(["memory", "spaces", ...args], { env: { ...env, CREWLINE_EMBEDDER: "openai/second" } })
    expect(await spaces()).toMatchObject({
      code: 0,
      stdout:
        "openai/first: 2 vectors of 3 dimensions\n" +
        "openai/second: 2 vectors of 3 dimensions, the embedder of CREWLINE_EMBEDDER\n"
    })
    const used = await spaces("--drop", "openai/second")
    expect(used).toMatchObject({ code: 2, stderr: expect.stringContaining("is the embedder of CREWLINE_EMBEDDER") })
    const unknown = await spaces("--drop", "openai/frist")
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining("Did you mean openai/first?") })
    expect(await spaces("--drop", "openai/first")).toMatchObject({
      code: 0,
      stdout: "Deleted the vectors of openai/first.\n"
    })
    const { stdout } = await spaces("--json")
    expect(JSON.parse(stdout)).toEqual({
      items: [{ name: "openai/second", dimensions: 3, vectors: 2, isFilled: true }]
    })
    // The server, which still uses it, goes on with words.
    const search = (query: string) => Server.request(`${server.url}/api/v1/memories/search`, { body: { query } })
    expect((await search("a river animal")).body.items).toEqual([])
    expect((await search("otters")).body.items).toMatchObject([{ text: "Otters hold hands asleep." }])
    const remembered = await Server.request(`${server.url}/api/v1/memories`, { body: { text: "Otters eat crabs." } })
    expect(remembered).toMatchObject({ status: 201 })
  })

  it("is refused with what to do", async () => {
    const lexical = await InProcess.run(["memory", "migrate", "--to", "builtin/lexical"], { env })
    expect(lexical).toMatchObject({ code: 2, stderr: expect.stringContaining("needs no vectors") })
    for (const args of [
      ["serve", "--port", "0"],
      ["memory", "search", "otter"]
    ]) {
      const { code, stderr } = await InProcess.run(args, { env: { ...env, CREWLINE_EMBEDDER: "builtin/wordz" } })
      expect(code).toBe(2)
      expect(stderr).toContain('CREWLINE_EMBEDDER: Embedder "builtin/wordz"')
      expect(stderr).toContain("Did you mean builtin/words?")
    }
  })
})
