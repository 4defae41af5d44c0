/**
 * `npm run fuzz -- [--minutes N] [--seed S] [--runs N]`: gives readers and validators what strangers might write. Ends with 1 and the
 * input, as JSON, when one throws or takes longer than ten seconds, or when memory grows. Which input comes is told by the seed alone.
 */
import { parseArgs } from "node:util"
import * as Chance from "./Chance.ts"
import * as Target from "./Target.ts"

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    runs: { type: "string", default: "1000000000" }
  }
})
const number = (name: "minutes" | "seed" | "runs"): number => {
  const value = Number(values[name])
  if (Number.isFinite(value) && value > 0) return value
  process.stderr.write(`--${name} must be a number above 0, not ${values[name]}\n`)
  process.exit(2)
}

const maxMillis = 10_000
const maxHeapBytes = 1024 ** 3
const seed = number("seed")
const runs = number("runs")
const end = performance.now() + number("minutes") * 60_000

const fail = (target: string, run: number, what: string, input: unknown): never => {
  process.stdout.write(`${target}, seed ${seed}, run ${run}: ${what}\n${JSON.stringify(input)}\n`)
  process.exit(1)
}

let run = 0
for (; run < runs && performance.now() < end; run++) {
  const chance = Chance.make(seed * 1_000_003 + run)
  const target = Target.all[run % Target.all.length]!
  const { input, work } = target.run(chance)
  const before = performance.now()
  try {
    work()
  } catch (error) {
    fail(target.name, run, error instanceof Error ? (error.stack ?? error.message) : String(error), input)
  }
  const took = performance.now() - before
  if (took > maxMillis) fail(target.name, run, `took ${Math.round(took)} ms`, input)
  if (run % 1_000 === 0 && process.memoryUsage().heapUsed > maxHeapBytes) fail(target.name, run, "memory grows", input)
}
process.stdout.write(`${run} inputs from seed ${seed}: no fault\n`)
