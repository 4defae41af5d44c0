/**
 * How much work a function does, counted and not timed: how often V8 runs each block of JavaScript
 * in it. Work of Node in C++ (regular expressions, `indexOf`) is not counted. V8 counts only in
 * modules that were imported after this one: they have to be imported with `import()`.
 */
import { Session } from "node:inspector/promises"

const session = new Session()
session.connect()
await session.post("Profiler.enable")
await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true })

/** Blocks that were run since the last time. */
const take = async (): Promise<number> => {
  const { result } = await session.post("Profiler.takePreciseCoverage")
  let blocks = 0
  for (const script of result)
    for (const { ranges } of script.functions) for (const range of ranges) blocks += range.count
  return blocks
}

/** Blocks that this runs. */
export const count = async (work: () => unknown): Promise<number> => {
  await take()
  await work()
  return take()
}
