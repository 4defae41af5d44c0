/**
 * Executions on simulated machines (`simulation/Simulation.ts`): the real `Crewline`, `Worker`,
 * `Ledger`, `decide`, `apply`, local queue and `RedisTaskQueue` with its scripts, in an order
 * chosen by a seed. None of these seeds causes a violation; without any one rule of
 * `simulation/Mutations.ts` one occurs.
 *
 * More seeds: `npm run simulate -- --seeds 10000 --from 1 --json`. Every rule: `npm run simulate --
 * --rules`, or this test with `CREWLINE_SIMULATE=rules`; by default only a few rules are removed
 * here.
 */
import { afterAll, beforeAll, describe, expect, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { missing } from "./RedisProcess.ts"
import * as Mutations from "./simulation/Mutations.ts"
import { scenarios, type Scenario, type ScenarioName } from "./simulation/Scenario.ts"
import { Server } from "./simulation/SimulatedRedis.ts"
import * as Simulation from "./simulation/Simulation.ts"

if (missing !== undefined) console.warn(`Simulations of shared queues are skipped: ${missing}.`)

const names = Object.keys(scenarios) as ReadonlyArray<ScenarioName>
/** Seeds of each scenario here; those with Redis scripts take longer. */
const seedsOf = ({ queue }: Scenario) => (queue === "local" ? 20 : 5)
const atOnce = 5

let redis: Server | undefined
beforeAll(async () => {
  if (missing === undefined) redis = await Server.open()
})
afterAll(() => redis?.close())

const run = (seed: number, name: ScenarioName) =>
  Simulation.run(seed, scenarios[name], redis === undefined ? {} : { redis })

describe("with all rules", () => {
  for (const name of names) {
    const needsRedis = scenarios[name].queue === "shared"
    it.skipIf(needsRedis && missing !== undefined)(`no violation occurs: ${name}`, { timeout: 300_000 }, async () => {
      let seed = 1
      const next = async (): Promise<void> => {
        while (seed <= seedsOf(scenarios[name])) {
          const tried = seed++
          const { history, violation } = await run(tried, name)
          if (violation !== undefined) expect.fail(`${Simulation.tell(tried, name, violation)}\n${history.join("\n")}`)
        }
      }
      await Promise.all(Array.from({ length: atOnce }, next))
    })
  }

  it.skipIf(missing !== undefined)("a seed always produces the same history", { timeout: 120_000 }, async () => {
    for (const name of ["failover", "rolled back"] as const) {
      const first = await run(7, name)
      const others = await Promise.all([run(8, name), run(7, name), run(9, name)])
      expect(others[1].history).toEqual(first.history)
      expect(others[0].history).not.toEqual(first.history)
    }
  })
})

describe("a rule", () => {
  it("is where its entry says", () => {
    expect(Mutations.names.map(Mutations.problemOf).filter((problem) => problem !== undefined)).toEqual([])
    expect(Mutations.names.map(Mutations.brokenBy).filter((problem) => problem !== undefined)).toEqual([])
  })

  /** Rules whose absence is detected at once. */
  const few: ReadonlyArray<Mutations.MutationName> = ["reread", "settledStays", "firstAnswer", "parentTakesChildren"]
  const tried = process.env["CREWLINE_SIMULATE"] === "rules" ? Mutations.names : few
  const simulate = fileURLToPath(new URL("simulation/simulate.ts", import.meta.url))
  it.skipIf(missing !== undefined).each(tried)("is needed: %s", { timeout: 600_000 }, async (name) => {
    const { stdout } = await promisify(execFile)(process.execPath, [simulate, "--without", name])
    expect(JSON.parse(stdout)).toMatchObject({ rule: name, violation: expect.any(String) })
  })
})
