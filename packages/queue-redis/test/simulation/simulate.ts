/**
 * Many simulations, one seed after the other: `npm run simulate -- --seeds 10000 --from 1 --json`. Scenarios take turns, so that each
 * has its share; `--scenario "rolled back"` runs one alone, `--trace` prints all that happens. Ends with 1 when a seed failed.
 */
import { parseArgs } from "node:util"
import { scenarios, type ScenarioName } from "./Scenario.ts"
import { Server } from "./SimulatedRedis.ts"
import * as Simulation from "./Simulation.ts"

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "200" },
    from: { type: "string", default: "1" },
    scenario: { type: "string" },
    json: { type: "boolean", default: false },
    trace: { type: "boolean", default: false }
  }
})

const names = Object.keys(scenarios) as ReadonlyArray<ScenarioName>
const wanted = values.scenario
if (wanted !== undefined && !names.includes(wanted as ScenarioName)) {
  console.error(`There is no scenario "${wanted}". There are: ${names.join(", ")}.`)
  process.exit(2)
}

const totals = new Map<
  string,
  { seeds: number; events: number; calls: number; repeatedCalls: number; millis: number }
>()
const failures: Array<{ readonly seed: number; readonly scenario: string; readonly violation: string }> = []
const redis = await Server.open()
const began = performance.now()
const first = Number(values.from)
for (let seed = first; seed < first + Number(values.seeds); seed++) {
  const name = (wanted ?? names[seed % names.length]!) as ScenarioName
  const at = performance.now()
  const { calls, events, history, repeatedCalls, violation } = await Simulation.run(seed, scenarios[name], {
    redis,
    trace: values.trace
  })
  const total = totals.get(name) ?? { seeds: 0, events: 0, calls: 0, repeatedCalls: 0, millis: 0 }
  totals.set(name, {
    seeds: total.seeds + 1,
    events: total.events + events,
    calls: total.calls + calls,
    repeatedCalls: total.repeatedCalls + repeatedCalls,
    millis: total.millis + performance.now() - at
  })
  if (violation === undefined && !values.trace) continue
  if (violation !== undefined) failures.push({ seed, scenario: name, violation: violation.message })
  if (values.json) continue
  console.log(history.join("\n"))
  console.log(Simulation.tell(seed, name, violation))
}
await redis.close()
const seconds = Math.round((performance.now() - began) / 1_000)
const table = Object.fromEntries(
  [...totals].map(([name, total]) => [name, { ...total, millis: Math.round(total.millis) }])
)
if (values.json)
  console.log(JSON.stringify({ from: first, seeds: Number(values.seeds), seconds, scenarios: table, failures }))
else {
  console.table(table)
  console.log(
    `${values.seeds} seeds in ${seconds} s: ${failures.length === 0 ? "nothing went wrong" : `${failures.length} failed`}`
  )
  for (const { scenario, seed, violation } of failures) console.log(`  seed ${seed}, ${scenario}: ${violation}`)
}
process.exitCode = failures.length === 0 ? 0 : 1
