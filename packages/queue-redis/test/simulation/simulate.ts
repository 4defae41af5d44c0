/**
 * Many simulations, one seed after the other: `npm run simulate -- --seeds 10000 --from 1 --json`.
 * Scenarios alternate, so that each has its share; `--scenario "rolled back"` runs only one,
 * `--trace` prints every event. Exits with 1 when a seed failed.
 *
 * `--without runFence` first removes a rule from the code (`Mutations.ts`), and stops at the first
 * seed that fails as expected; `--rules` does so for each rule, and exits with 1 when the absence
 * of one was not detected.
 */
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { parseArgs, promisify } from "node:util"
import * as Mutations from "./Mutations.ts"
import { scenarios, type ScenarioName } from "./Scenario.ts"

const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    from: { type: "string", default: "1" },
    scenario: { type: "string" },
    json: { type: "boolean", default: false },
    trace: { type: "boolean", default: false },
    without: { type: "string" },
    rules: { type: "boolean", default: false }
  }
})

const oneOf = <Name extends string>(what: string, name: string | undefined, names: ReadonlyArray<Name>) => {
  if (name === undefined) return undefined
  const found = names.find((each) => each === name)
  if (found !== undefined) return found
  console.error(`There is no ${what} "${name}". There are: ${names.join(", ")}.`)
  return process.exit(2)
}

const names = Object.keys(scenarios) as ReadonlyArray<ScenarioName>
const without = oneOf("rule", values.without, Mutations.names)
const wanted = oneOf("scenario", values.scenario, names)
const first = Number(values.from)
/** Interleaved simulations: while one waits for Redis, others run. They are independent. */
const atOnce = 8

const simulateAll = async (seeds: number): Promise<boolean> => {
  // Load the simulation only now: a rule may have been removed.
  const Simulation = await import("./Simulation.ts")
  const { Server } = await import("./SimulatedRedis.ts")
  const totals = new Map<
    string,
    { seeds: number; events: number; calls: number; repeatedCalls: number; hours: number }
  >()
  const failures: Array<{ readonly seed: number; readonly scenario: string; readonly violation: string }> = []
  const redis = await Server.open()
  const began = performance.now()
  const simulate = async (seed: number): Promise<void> => {
    const name = wanted ?? names[seed % names.length]!
    const { calls, events, history, millis, repeatedCalls, violation } = await Simulation.run(seed, scenarios[name], {
      redis,
      trace: values.trace
    })
    const total = totals.get(name) ?? { seeds: 0, events: 0, calls: 0, repeatedCalls: 0, hours: 0 }
    totals.set(name, {
      seeds: total.seeds + 1,
      events: total.events + events,
      calls: total.calls + calls,
      repeatedCalls: total.repeatedCalls + repeatedCalls,
      hours: total.hours + millis / 3_600_000
    })
    if (violation !== undefined) failures.push({ seed, scenario: name, violation: violation.message })
    if (values.json || (violation === undefined && !values.trace)) return
    console.log(history.join("\n"))
    console.log(Simulation.tell(seed, name, violation))
  }
  let seed = first
  const next = async (): Promise<void> => {
    while (seed < first + seeds) await simulate(seed++)
  }
  await Promise.all(Array.from({ length: atOnce }, next))
  await redis.close()
  const seconds = Math.round((performance.now() - began) / 1_000)
  const table = Object.fromEntries(
    [...totals].map(([name, total]) => [name, { ...total, hours: Math.round(total.hours) }])
  )
  if (values.json) console.log(JSON.stringify({ from: first, seeds, seconds, scenarios: table, failures }))
  else {
    console.table(table)
    console.log(
      `${seeds} seeds in ${seconds} s: ${failures.length === 0 ? "nothing went wrong" : `${failures.length} failed`}`
    )
    for (const { scenario, seed, violation } of failures) console.log(`  seed ${seed}, ${scenario}: ${violation}`)
  }
  return failures.length === 0
}

/** Whether the rule is missed, and how soon. */
const miss = async (name: Mutations.MutationName): Promise<boolean> => {
  Mutations.takeOut(name)
  const Simulation = await import("./Simulation.ts")
  const { Server } = await import("./SimulatedRedis.ts")
  const { number, scenario, violates, within } = Mutations.table[name]
  const redis = await Server.open()
  let found: { readonly seed: number; readonly violation: string } | undefined
  const others = new Map<string, number>()
  let seed = first
  const next = async (): Promise<void> => {
    while (seed < first + within && found === undefined) {
      const tried = seed++
      const { violation } = await Simulation.run(tried, scenarios[scenario], { redis })
      if (violation === undefined) continue
      if (violates?.includes(violation.kind) ?? violation.kind !== "defect")
        found ??= { seed: tried, violation: violation.message }
      else others.set(violation.kind, (others.get(violation.kind) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, next))
  await redis.close()
  console.log(JSON.stringify({ rule: name, number, scenario, within, ...found, others: Object.fromEntries(others) }))
  return found !== undefined
}

/** Each rule in a separate process, two at once. */
const missAll = async (): Promise<boolean> => {
  const left = [...Mutations.names]
  let isWhole = true
  const next = async (): Promise<void> => {
    for (let name = left.shift(); name !== undefined; name = left.shift()) {
      try {
        const args = [fileURLToPath(import.meta.url), "--without", name, "--from", values.from]
        process.stdout.write((await promisify(execFile)(process.execPath, args)).stdout)
      } catch (error) {
        isWhole = false
        const { stderr = "", stdout = "" } = error as { readonly stdout?: string; readonly stderr?: string }
        process.stdout.write(`NOT MISSED ${name}: ${stdout}${stderr}\n`)
      }
    }
  }
  await Promise.all([next(), next()])
  return isWhole
}

const isWell = values.rules
  ? await missAll()
  : without === undefined
    ? await simulateAll(Number(values.seeds ?? 200))
    : await miss(without)
process.exitCode = isWell ? 0 : 1
