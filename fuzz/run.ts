/**
 * `npm run fuzz -- [--minutes N] [--seed S] [--runs N] [--part P]`: feeds parsers, validators, a
 * server and the readers of model answers untrusted input. Exits with 1 and prints the input as
 * JSON when one throws, ends the thread, is answered with 500, or takes longer than ten seconds, or
 * when memory grows. The seed alone determines the inputs.
 *
 * Inputs run in a thread, so that one that blocks it can be terminated, and one that ends it is
 * identified.
 */
import { parseArgs } from "node:util"
import { Worker } from "node:worker_threads"
import type { Begun, Settings } from "./Inputs.ts"

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    runs: { type: "string", default: "1000000000" },
    part: { type: "string", default: "all" }
  }
})
const number = (name: "minutes" | "seed" | "runs"): number => {
  const value = Number(values[name])
  if (Number.isFinite(value) && value > 0) return value
  process.stderr.write(`--${name} must be a number above 0, not ${values[name]}\n`)
  process.exit(2)
}

const parts = ["all", "text", "http", "models"]
if (!parts.includes(values.part)) {
  process.stderr.write(`--part must be one of ${parts.join(", ")}, not ${values.part}\n`)
  process.exit(2)
}

const maxMillis = 10_000
/** A server has to start first. */
const startMillis = 60_000
const maxHeapMegabytes = 1_024
/** Inputs per thread; the next thread starts with a new server. */
const batch = 20_000
const seed = number("seed")
const runs = number("runs")
const end = performance.now() + number("minutes") * 60_000

let last: Begun | undefined
const fail = (what: string): never => {
  const where = last === undefined ? "before the first input" : `${last.target}, seed ${seed}, run ${last.run}`
  process.stdout.write(`${where}: ${what}\n${last?.input ?? ""}\n`)
  process.exit(1)
}

/** Runs a batch of inputs in a thread; returns their number. */
const thread = (from: number): Promise<number> =>
  new Promise((resolve) => {
    const settings: Settings = {
      seed,
      from,
      to: Math.min(runs, from + batch),
      end: Date.now() + (end - performance.now()),
      part: values.part
    }
    const worker = new Worker(new URL("./Inputs.ts", import.meta.url), {
      workerData: settings,
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMegabytes }
    })
    const cut = (millis: number) => setTimeout(() => fail(`took longer than ${millis} ms`), millis)
    let timer = cut(startMillis)
    worker.on("message", (message: Begun | { readonly fault: string } | { readonly done: number }) => {
      clearTimeout(timer)
      if ("fault" in message) fail(message.fault)
      else if ("done" in message) {
        resolve(message.done)
        void worker.terminate()
      } else {
        last = message
        timer = cut(maxMillis)
      }
    })
    worker.on("error", (error) => fail(error instanceof Error ? (error.stack ?? error.message) : String(error)))
    worker.on("exit", (code) => {
      if (code !== 1) fail(`ended the thread with ${code}`)
    })
  })

let run = 0
while (run < runs && performance.now() < end) run += await thread(run)
process.stdout.write(`${run} inputs from seed ${seed}: no fault\n`)
process.exit(0)
