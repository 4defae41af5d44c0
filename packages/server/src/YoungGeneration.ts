/**
 * How much memory V8's young generation may take in a server. It doubles with what survives, which
 * is much while modules are loaded and the database starts, up to 48 MB, and does not shrink by
 * itself: an idle server would keep them for a burst that comes once. Held, it keeps its first
 * size; with the first model call it may grow to a quarter of what V8 would give it, because a
 * small one costs processor time while much is allocated.
 */
import { PerformanceObserver } from "node:perf_hooks"
import * as NodeV8 from "node:v8"

/** What the whole of it may take once there is work, in bytes; V8's default is 48 MB on 64 bits. */
const enough = 8 * 1024 * 1024

/** V8 reads it each time the generation could grow. */
const setGrowthFactor = (factor: 1 | 2) => NodeV8.setFlagsFromString(`--semi-space-growth-factor=${factor}`)

/** The application has chosen sizes itself: then nothing is changed. */
const isChosen = [...process.execArgv, process.env["NODE_OPTIONS"] ?? ""].some((argument) =>
  argument.replaceAll("_", "-").includes("semi-space")
)

const size = () => NodeV8.getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.space_size ?? 0

let isHeld = false

/** Keeps it from growing. Before modules are loaded; the flag is the process's. */
export const hold = (): void => {
  if (isChosen) return
  isHeld = true
  setGrowthFactor(1)
}

/** It may grow, up to `enough`. Does nothing after the first time. */
export const letGrow = (): void => {
  if (!isHeld) return
  isHeld = false
  setGrowthFactor(2)
  const observer = new PerformanceObserver(() => {
    if (size() < enough) return
    setGrowthFactor(1)
    observer.disconnect()
  })
  observer.observe({ entryTypes: ["gc"] })
}
