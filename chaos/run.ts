/**
 * `npm run chaos -- [--seconds N] [--seed S] [--executions N] [--workers N] [--queue redis|bullmq]
 * [--json]`: kills and freezes workers, cuts connections, restarts and empties Redis, and reports
 * the outcome of the executions. Exits with 1 when a guarantee was violated.
 */
import * as Effect from "effect/Effect"
import { parseArgs } from "node:util"
import * as Campaign from "./Campaign.ts"

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: "1" },
    executions: { type: "string", default: "200" },
    workers: { type: "string", default: "8" },
    patience: { type: "string", default: "30" },
    queue: { type: "string", default: "redis" },
    json: { type: "boolean", default: false }
  }
})

const number = (name: "seconds" | "seed" | "executions" | "workers" | "patience"): number => {
  const value = Number(values[name])
  if (Number.isInteger(value) && value > 0) return value
  process.stderr.write(`--${name} must be a whole number above 0, not ${values[name]}\n`)
  process.exit(2)
}
const { queue } = values
if (queue !== "redis" && queue !== "bullmq") {
  process.stderr.write(`--queue must be redis or bullmq, not ${queue}\n`)
  process.exit(2)
}

const report = await Effect.runPromise(
  Effect.scoped(
    Campaign.run({
      seconds: number("seconds"),
      seed: number("seed"),
      executions: number("executions"),
      workers: number("workers"),
      patience: number("patience"),
      queue,
      log: (line) => process.stderr.write(`${line}\n`)
    })
  )
)

if (values.json) process.stdout.write(`${JSON.stringify(report)}\n`)
else {
  const { complaints, problems, ...figures } = report
  for (const [name, value] of Object.entries(figures)) process.stdout.write(`${name.padEnd(22)} ${String(value)}\n`)
  for (const [text, times] of Object.entries(complaints)) process.stdout.write(`${times} × ${text}\n`)
  process.stdout.write(problems.length === 0 ? "every promise was kept\n" : `${problems.join("\n")}\n`)
}
process.exit(report.problems.length === 0 ? 0 : 1)
