/**
 * Planning a graph: `make`, `longestPathToSink` and a walk that settles every task, on random
 * layered graphs. Linear growth shows as the same time per task and dependency at every size.
 *
 * `shuffled` is declared in random order, `deep` is a chain and `wide` a fan-in.
 */
import * as Dag from "@crewline/core/Dag"
import * as Result from "effect/Result"
import type { Report } from "./run.ts"
import { median } from "./Quantile.ts"

type Nodes = ReadonlyArray<Dag.Node>

const rounds = 5

/**
 * The same numbers in every run (a linear congruential generator, constants of Numerical Recipes).
 */
const random = (): ((below: number) => number) => {
  let state = 42
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Layers of 50 to 150 tasks, each of which waits for one to five of the layer above. */
const layered = (size: number): Nodes => {
  const pick = random()
  const nodes: Array<Dag.Node> = []
  let above = { start: 0, width: 0 }
  while (nodes.length < size) {
    const layer = { start: nodes.length, width: Math.min(50 + pick(101), size - nodes.length) }
    for (let task = 0; task < layer.width; task++) {
      const dependencies = new Set<string>()
      if (above.width > 0) {
        for (let count = 1 + pick(5); count > 0; count--) dependencies.add(`task-${above.start + pick(above.width)}`)
      }
      nodes.push({ id: `task-${layer.start + task}`, dependencies: [...dependencies] })
    }
    above = layer
  }
  return nodes
}

/**
 * The same tasks declared in any order: every lookup of a name is then a miss of the processor's
 * caches.
 */
const shuffled = (nodes: Nodes): Nodes => {
  const pick = random()
  const result = [...nodes]
  for (let last = result.length - 1; last > 0; last--) {
    const other = pick(last + 1)
    const node = result[last]!
    result[last] = result[other]!
    result[other] = node
  }
  return result
}

const deep = (size: number): Nodes =>
  Array.from({ length: size }, (_, task) => ({
    id: `task-${task}`,
    dependencies: task + 1 < size ? [`task-${task + 1}`] : []
  }))

const wide = (size: number): Nodes => {
  const sources = Array.from({ length: size - 1 }, (_, task) => ({ id: `task-${task}`, dependencies: [] }))
  return [...sources, { id: "all", dependencies: sources.map(({ id }) => id) }]
}

/** Milliseconds of each part of one round. */
const plan = (nodes: Nodes) => {
  const times = [performance.now()]
  const lap = () => times.push(performance.now())

  const dag = Result.getOrThrow(Dag.make(nodes))
  lap()
  Dag.longestPathToSink(dag)
  lap()
  const frontier = Dag.frontier(dag)
  const ready = [...frontier.ready()]
  for (let next = 0; next < ready.length; next++) for (const id of frontier.settle(ready[next]!)) ready.push(id)
  lap()

  if (ready.length !== nodes.length) throw new Error("The walk did not reach every task.")
  const [make, longestPath, walk] = times.slice(1).map((time, part) => time - times[part]!)
  return { ms: times.at(-1)! - times[0]!, make: make!, longestPath: longestPath!, walk: walk! }
}

const rounded = (milliseconds: number): number => Math.round(milliseconds * 100) / 100

const edgesOf = (nodes: Nodes): number => nodes.reduce((sum, { dependencies }) => sum + dependencies.length, 0)

const sizeOf = (nodes: Nodes, ms: number) => {
  const edges = edgesOf(nodes)
  return {
    tasks: nodes.length,
    dependencies: edges,
    ms: rounded(ms),
    nsPerTaskAndDependency: Math.round((ms * 1e6) / (nodes.length + edges))
  }
}

export const run = async (report: Report): Promise<void> => {
  const cases = [
    ...[1_000, 10_000, 100_000, 200_000].map((size) => ({ name: `layered-${size}`, nodes: layered(size) })),
    { name: "shuffled-100000", nodes: shuffled(layered(100_000)) },
    { name: "deep-100000", nodes: deep(100_000) },
    { name: "wide-100000", nodes: wide(100_000) }
  ]
  // All code is compiled before the first measurement; otherwise the smallest case would pay for
  // it.
  for (let round = 0; round < 20; round++) plan(cases[1]!.nodes)

  for (const { name, nodes } of cases) {
    const times = Array.from({ length: rounds }, () => plan(nodes))
    const part = (name: "make" | "longestPath" | "walk") => rounded(median(times.map((time) => time[name])))
    report({
      bench: "dag",
      case: name,
      ...sizeOf(nodes, median(times.map(({ ms }) => ms))),
      makeMs: part("make"),
      longestPathMs: part("longestPath"),
      walkMs: part("walk")
    })
  }
}
