/** The thread that passes inputs to the targets, one after another. */
import { parentPort, workerData } from "node:worker_threads"
import * as Random from "../packages/core/test/simulation/Random.ts"
import type { Target } from "./Target.ts"

export interface Settings {
  readonly seed: number
  /** The first run, and the one after the last. */
  readonly from: number
  readonly to: number
  /** When to stop, in milliseconds since 1970. */
  readonly end: number
  readonly part: string
}

/** Called before an input is passed to its target. */
export interface Begun {
  readonly target: string
  readonly run: number
  /** As JSON. */
  readonly input: string
}

const maxResidentBytes = 3 * 1024 ** 3

const { end, from, part, seed, to } = workerData as Settings
const port = parentPort!

const targets: Array<Target> = []
// Imported where it is needed: a server takes seconds to start.
if (part === "all" || part === "text") targets.push(...(await import("./Target.ts")).all)
if (part === "all" || part === "http") targets.push(...(await (await import("./HttpTarget.ts")).make()))
if (part === "all" || part === "models") targets.push(...(await (await import("./ModelTarget.ts")).make()))

let run = from
try {
  for (; run < to && Date.now() < end; run++) {
    const target = targets[run % targets.length]!
    const { input, work } = target.run(Random.make(seed * 1_000_003 + run))
    const begun: Begun = { target: target.name, run, input: JSON.stringify(input) ?? "" }
    port.postMessage(begun)
    const answer = work()
    if (answer instanceof Promise) await answer
    if (run % 100 === 0 && process.memoryUsage().rss > maxResidentBytes) throw new Error("memory grows")
  }
  port.postMessage({ done: run - from })
} catch (error) {
  port.postMessage({ fault: error instanceof Error ? (error.stack ?? error.message) : String(error) })
}
