/**
 * Crews of three levels with limits at each, run by three workers on one database and one Redis: no
 * limit is exceeded according to the provider's count, and the spending in the log is the sum of
 * its turns.
 */
import * as Crewline from "@crewline/core/Crewline"
import * as EventLog from "@crewline/core/EventLog"
import type * as Plan from "@crewline/core/Plan"
import * as Llm from "@crewline/core/Llm"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Budget from "@crewline/llm/Budget"
import * as BudgetStore from "@crewline/llm/BudgetStore"
import * as RedisConnection from "@crewline/queue-redis/RedisConnection"
import * as Queue from "@crewline/server/Queue"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as FastCheck from "fast-check"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import * as Trees from "../../llm/test/fake/Trees.ts"
import * as Postgres from "./fake/Database.ts"
import * as Redis from "./fake/Redis.ts"
import * as Server from "./fake/Server.ts"

vi.stubEnv("REDIS_URL", Redis.url)
const missing = Postgres.missing ?? Redis.missing
if (missing !== undefined) console.warn(`Skipped: ${missing}`)

/** Each with the name of its crew, which identifies it to workers. */
const trees = FastCheck.sample(Trees.tree, { numRuns: 24, seed: 1 }).map((tree, index) => {
  const name = `tree${index}`
  return { name, tree, provider: Trees.provider(tree), tool: Trees.spawn(tree, name) }
})
const prefix = `crewline-test:budgets:${process.pid}`
const database = `crewline_budgets_${process.pid}`

/** The model of a worker: every crew has its own provider, named by its agent's model. */
const llm = Layer.effect(
  Llm.Llm,
  Effect.map(BudgetStore.makeRedis({ prefix: `{${prefix}}:` }), (store) => ({
    enforcesLimits: true,
    resolve: (reference: string | ReadonlyArray<string> | undefined) => {
      const { provider, tree } = trees.find(({ name }) => `fake/${name}` === reference)!
      const budget = Budget.make({ store, prices: { [String(reference)]: tree.price }, waitMillis: 50 })
      return Effect.succeed(budget({ reference: String(reference), generate: provider.generate }))
    }
  }))
).pipe(
  Layer.provide(RedisConnection.layer({ url: Redacted.make(Redis.url), name: "crewline-test-budgets" })),
  Layer.orDie
)

describe.skipIf(missing !== undefined)(`limits up a tree${missing === undefined ? "" : `: ${missing}`}`, () => {
  const workers: Array<Server.Running> = []
  beforeAll(async () => {
    await Postgres.sql(`create database ${database}`)
    for (let left = 3; left > 0; left--)
      workers.push(
        await Server.start({
          llm,
          toolbox: Toolbox.layer(trees.map(({ tool }) => tool)),
          database: { kind: "server", url: Redacted.make(Postgres.urlOf(database)) },
          queue: { ...Queue.local, kind: "redis", events: "redis", prefix },
          worker: { concurrency: 4 }
        })
      )
  }, 60_000)
  afterAll(async () => {
    await Promise.all(workers.map((worker) => worker.stop()))
    await Postgres.sql(`drop database if exists ${database} with (force)`)
    await Redis.clear(prefix)
    await Redis.clear(`{${prefix}}`)
  }, 60_000)

  it("are enforced by three concurrent workers", { timeout: 120_000 }, async () => {
    const used = new Set<string>()
    let refused = 0
    await Promise.all(
      trees.map(async ({ name, provider, tool, tree }, index) => {
        const { services } = workers[index % workers.length]!
        const plan = planOf(tree, name, tool.name)
        const { events, view } = await Effect.runPromise(
          Effect.gen(function* () {
            const crewline = yield* Crewline.Crewline
            const log = yield* EventLog.EventLog
            const handle = yield* crewline.startPlan(plan)
            yield* Effect.exit(handle.result)
            return { view: yield* crewline.get(handle.id), events: yield* log.read(handle.id) }
          }).pipe(Effect.provideContext(services))
        )
        for (const event of events) if (event.type === "TaskStarted") used.add(event.worker)
        refused += events.filter(({ type }) => type === "ModelNoticed").length
        expect(Trees.exceededIn(tree, provider.calls), JSON.stringify(tree)).toEqual([])
        expect(Trees.spentIn(view)).toEqual(Trees.recordedIn(tree, view, events))
      })
    )
    // With fewer, the test would show little.
    expect(used.size).toBe(3)
    expect(refused).toBeGreaterThan(10)
  })
})

const planOf = (tree: Trees.Tree, name: string, tool: string): Plan.Plan => {
  const plan = Trees.planOf(tree)
  const { agent } = plan.agents
  return {
    ...plan,
    name,
    agents: { agent: { ...agent!, model: `fake/${name}`, tools: [tool] } },
    tasks: plan.tasks.map((task) => ({ ...task, tools: [tool] }))
  }
}
