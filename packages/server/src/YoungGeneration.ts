/**
 * V8's young generation in a server that has nothing to do yet. It doubles whenever much survives,
 * as while modules are loaded and the database starts, and does not shrink by itself: an idle
 * server would keep 40 MB more. Held, it keeps its first size; with the first model call it may
 * grow again, because a small one costs processor time while much is allocated. V8 lets it reach
 * more than 100 MB, which a process with an embedded database does not need.
 */
import { PerformanceObserver } from "node:perf_hooks"
import * as NodeV8 from "node:v8"

/** V8 reads the factor each time the generation could grow. */
const setGrowthFactor = (factor: 1 | 2) => NodeV8.setFlagsFromString(`--semi-space-growth-factor=${factor}`)

/** Sizes that the command line sets are left alone. */
const isChosen = [...process.execArgv, process.env["NODE_OPTIONS"] ?? ""].some((argument) =>
  argument.replaceAll("_", "-").includes("semi-space")
)

let isHeld = false

/** Keeps it from growing, in the whole process. To be called before other modules are loaded. */
export const hold = (): void => {
  if (isChosen) return
  isHeld = true
  setGrowthFactor(1)
}

const megabytes = (): number =>
  (NodeV8.getHeapSpaceStatistics().find(({ space_name: name }) => name === "new_space")?.space_size ?? 0) / 1024 / 1024

/**
 * How much the old generation grows between two collections, in percent, where the young one is
 * small: a small one passes on more that is garbage soon.
 */
const oldGrowthPercent = 25

/**
 * Lets it grow from now on, by doubling, until it has at least this size; default: as V8 likes.
 * Does nothing after the first call.
 */
export const letGrow = (enoughMegabytes = Number.POSITIVE_INFINITY): void => {
  if (!isHeld) return
  isHeld = false
  setGrowthFactor(2)
  if (enoughMegabytes === Number.POSITIVE_INFINITY) return
  NodeV8.setFlagsFromString(`--heap-growing-percent=${oldGrowthPercent}`)
  const observer = new PerformanceObserver(() => {
    if (megabytes() < enoughMegabytes) return
    setGrowthFactor(1)
    observer.disconnect()
  })
  observer.observe({ entryTypes: ["gc"] })
}
