/**
 * Runs schedules of the model of waits and prints the violations:
 *
 *     node packages/core/test/waits/run.ts --seeds 500 --from 1 --scenario calm,asking --off losersCancelled --trace
 */
import { parseArgs } from "node:util"
import * as Model from "./Model.ts"
import * as Rules from "./Rules.ts"
import * as Scenario from "./Scenario.ts"
import { describe } from "./Witness/Describe.ts"

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "300" },
    from: { type: "string", default: "1" },
    /** Absent: all. */
    scenario: { type: "string" },
    /** Rules that are off. */
    off: { type: "string" },
    /** The events of the shortest schedule that went wrong. */
    trace: { type: "boolean", default: false },
    /** Counts by kind of event. */
    counts: { type: "boolean", default: false }
  }
})

/** Returns known names, or exits with a list of them. */
const chosen = <Name extends string>(given: string | undefined, names: ReadonlyArray<Name>, what: string) => {
  const wanted = given?.split(",") ?? []
  const unknown = wanted.find((name) => !names.some((each) => each === name))
  if (unknown === undefined) return names.filter((name) => wanted.includes(name))
  console.error(`Unknown ${what} "${unknown}": expected some of ${names.join(", ")}`)
  process.exit(2)
}

const off = chosen(values.off, Rules.names, "rule")
const scenarios = values.scenario === undefined ? Scenario.names : chosen(values.scenario, Scenario.names, "scenario")
const from = Number(values.from)
const seeds = Number(values.seeds)
const rules = Rules.without(...off)
const counts: Record<string, number> = {}
let failed = 0
for (const name of scenarios) {
  const kinds = new Map<string, Array<number>>()
  let shortest: { readonly seed: number; readonly report: Model.Report } | undefined
  for (let seed = from; seed < from + seeds; seed++) {
    const report = Model.run(seed, rules, Scenario.scenarios[name])
    for (const [what, times] of Object.entries(report.counts)) counts[what] = (counts[what] ?? 0) + times
    const { history, violation } = report
    if (violation === undefined) continue
    failed++
    kinds.set(violation.kind, [...(kinds.get(violation.kind) ?? []), seed])
    if (shortest === undefined || history.length < shortest.report.history.length) shortest = { seed, report }
  }
  const found = [...kinds].map(([kind, at]) => `${kind}: ${at.length}, seeds ${at.slice(0, 3).join(" ")}`)
  console.log(`${name}: ${seeds} schedules, ${found.length === 0 ? "nothing went wrong" : found.join("; ")}`)
  if (shortest === undefined || !values.trace) continue
  console.log(`  seed ${shortest.seed}: ${shortest.report.violation!.message}`)
  for (const event of shortest.report.history) console.log(`  ${Date.parse(event.at)} ${describe(event)}`)
}
if (values.counts) for (const what of Object.keys(counts).sort()) console.log(`${what}: ${counts[what]}`)
process.exitCode = failed === 0 ? 0 : 1
