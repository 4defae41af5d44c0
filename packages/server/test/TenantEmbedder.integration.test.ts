/** Whose account makes the vectors of a tenant's memories. */
import * as Memory from "@crewline/core/Memory"
import * as Tenant from "@crewline/core/Tenant"
import * as FakeProvider from "@crewline/fake-provider"
import * as Embedders from "@crewline/llm/Embedders"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import * as PostgresServer from "../../memory-pg/test/PostgresServer.ts"
import * as ProviderStore from "../src/ResourceStore/Providers.ts"
import * as InProcess from "./Cli/InProcess.ts"
import * as Storage from "./crash/Storage.ts"
import * as Server from "./fake/Server.ts"

const missing = Storage.postgresMissing ?? PostgresServer.missingVectors
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

/** Of two meanings; which one a text has, none of its words says. */
const vectorOf = (text: string) => (/otter|river animal/i.test(text) ? [1, 0, 0] : [0, 1, 0])
const master = Buffer.alloc(32, 3).toString("base64")
const query = { text: "a river animal", scope: {} }

describe.skipIf(missing !== undefined)(missing ?? "embedders of tenants", { timeout: 120_000 }, () => {
  let storage: Storage.Storage
  let operators: FakeProvider.FakeProvider
  let own: FakeProvider.FakeProvider
  let server: Server.Running
  let env: Record<string, string>
  const warnings: Array<string> = []
  const logged = Logger.layer([
    Logger.make(({ logLevel, message }) => void (logLevel === "Warn" && warnings.push(String(message))))
  ])
  beforeAll(async () => {
    storage = await Storage.postgres()
    operators = await FakeProvider.start(FakeProvider.vectors(vectorOf))
    own = await FakeProvider.start((request, response) =>
      ["Bearer sk-globex-0123456789", "Bearer none"].includes(request.authorization)
        ? FakeProvider.vectors(vectorOf)(request, response)
        : FakeProvider.fail(401, { message: `Incorrect API key provided: ${request.authorization}` })(request, response)
    )
    env = {
      ...storage.env,
      OPENAI_BASE_URL: operators.baseURL,
      CREWLINE_SHARED_PROVIDERS: "acme",
      CREWLINE_MASTER_KEY: master,
      CREWLINE_ALLOW_ADDRESSES: "127.0.0.1"
    }
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
    const embedder = await Effect.runPromise(
      Effect.provide(Embedders.named("openai/first"), ConfigProvider.layer(ConfigProvider.fromEnv({ env })))
    )
    server = await Server.start({
      database: { kind: "server", url: Redacted.make(storage.env["DATABASE_URL"]!) },
      masterKeys: { current: Redacted.make(master) },
      embedder
    })
  }, 120_000)
  afterAll(async () => {
    vi.unstubAllEnvs()
    await server.stop()
    await own.stop()
    await operators.stop()
    await storage.dispose()
  })

  const as = <A, E>(tenant: string, effect: Effect.Effect<A, E, Memory.Memory | ProviderStore.ProviderStore>) =>
    Effect.runPromise(
      Effect.provide(Effect.provideService(effect, Tenant.Current, tenant), server.services).pipe(
        Effect.provide(logged)
      )
    )
  const remember = (tenant: string, text: string) =>
    as(
      tenant,
      Effect.flatMap(Effect.service(Memory.Memory), (memory) =>
        memory.remember([{ kind: "long-term", scope: {}, text }])
      )
    )
  const recall = async (tenant: string) => {
    const found = await as(
      tenant,
      Effect.flatMap(Effect.service(Memory.Memory), (memory) => memory.recall(query))
    )
    return found.map(({ text }) => text)
  }
  /** The embedder that the statistics of the tenant name. */
  const embedderOf = async (tenant: string) =>
    (
      await as(
        tenant,
        Effect.flatMap(Effect.service(Memory.Memory), ({ statistics }) => statistics)
      )
    ).embedder
  const warningsOf = (tenant: string) => warnings.filter((warning) => warning.includes(`tenant ${tenant} `))
  const store = (tenant: string, apiKey?: string) =>
    as(
      tenant,
      Effect.flatMap(Effect.service(ProviderStore.ProviderStore), (providers) =>
        providers.create(
          { name: "openai", kind: "openai-compatible", baseUrl: own.baseURL },
          apiKey === undefined ? null : Redacted.make(apiKey)
        )
      )
    )

  it.each(["default", "acme"])("the account of the environment serves tenant %s", async (tenant) => {
    await remember(tenant, "Otters hold hands asleep.")
    expect(await recall(tenant)).toEqual(["Otters hold hands asleep."])
    expect(await embedderOf(tenant)).toBe("openai/first")
    expect(warningsOf(tenant)).toEqual([])
  })

  it("it serves no other tenant, whose memories are recalled by words, which is logged once", async () => {
    const asked = operators.received.length
    await remember("globex", "Otters hold hands asleep.")
    await remember("globex", "Kettles boil water.")
    expect(await recall("globex")).toEqual([])
    expect(operators.received).toHaveLength(asked)
    expect(await embedderOf("globex")).toBeUndefined()
    expect(warningsOf("globex")).toEqual([
      "Memories of tenant globex are recalled by words only, because the keys in the environment are not available to it " +
        "(CREWLINE_SHARED_PROVIDERS), and it has no stored provider named openai."
    ])
  })

  it("a tenant's own provider serves it from the next call on, with its own key", async () => {
    const asked = operators.received.length
    await store("globex", "sk-globex-0123456789")
    await remember("globex", "Otters sleep afloat.")
    expect(await recall("globex")).toEqual(["Otters sleep afloat."])
    expect(await embedderOf("globex")).toBe("openai/first")
    expect(own.received).toMatchObject([{ model: "first" }, { model: "first" }])
    expect(operators.received).toHaveLength(asked)
  })

  it("a tenant's own server may need no key", async () => {
    await store("umbrella")
    await remember("umbrella", "Otters sleep afloat.")
    expect(await recall("umbrella")).toEqual(["Otters sleep afloat."])
  })

  it("a failing provider of a tenant keeps no other waiting, and its key is in no message", async () => {
    await store("hooli", "sk-hooli-0123456789")
    await remember("hooli", "Otters hold hands asleep.")
    await remember("initech", "Otters hold hands asleep.")
    expect(await recall("hooli")).toEqual([])
    const migrated = await InProcess.run(["memory", "migrate", "--to", "openai/second"], { env })
    expect(migrated.stdout, migrated.stderr).toBe(
      "6 of 8 memories have vectors of openai/second. The memories of hooli, initech have none: see the log. " +
        "Start servers and workers with CREWLINE_EMBEDDER=openai/second.\n"
    )
    const said = [...warnings, migrated.stdout, migrated.stderr].join("\n")
    expect(said).toContain("Incorrect API key provided: Bearer [key]")
    expect(said).not.toContain("sk-hooli-0123456789")
  })
})
