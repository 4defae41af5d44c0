/** Graphs that task queues are measured with. Every shape is the same in every run. */
import type * as TaskQueue from "@crewline/core/TaskQueue"
import * as Random from "../packages/core/test/simulation/Random.ts"

export interface Task {
  readonly id: string
  readonly dependencies: ReadonlyArray<string>
}

export interface Shape {
  readonly name: string
  readonly tasks: ReadonlyArray<Task>
  /** The same as trees, where trees can express it: each task with its dependencies below it. */
  readonly trees: ReadonlyArray<Tree> | undefined
}

export interface Tree {
  readonly id: string
  readonly children: ReadonlyArray<Tree>
}

/** The facts of an execution of these tasks for our queues. */
export const factsOf = (executionId: string, nodes: ReadonlyArray<Task>): TaskQueue.Facts => ({
  executionId,
  tenant: "default",
  upTo: 1,
  nodes,
  settled: [],
  suspended: [],
  delayed: [],
  signals: [],
  paused: false
})

const range = <A>(count: number, make: (index: number) => A): ReadonlyArray<A> =>
  Array.from({ length: count }, (_, index) => make(index))

const chained = (prefix: string, length: number) => {
  const tasks = range(length, (n) => ({
    id: `${prefix}${n}`,
    dependencies: n === 0 ? [] : [`${prefix}${n - 1}`]
  }))
  const tree = tasks.reduce<Tree | undefined>((below, { id }) => ({ id, children: below ? [below] : [] }), undefined)
  return { tasks, tree: tree! }
}

/** One after the other. */
export const chain = (length: number): Shape => {
  const { tasks, tree } = chained("t", length)
  return { name: "chain", tasks, trees: [tree] }
}

/** Several chains side by side. */
export const chains = (count: number, length: number): Shape => {
  const all = range(count, (n) => chained(`${n}.`, length))
  return { name: "chains", tasks: all.flatMap(({ tasks }) => tasks), trees: all.map(({ tree }) => tree) }
}

/** Many independent tasks, and one that depends on all of them. */
export const fanIn = (width: number): Shape => {
  const leaves = range(width, (n) => `t${n}`)
  return {
    name: "fan-in",
    tasks: [...leaves.map((id) => ({ id, dependencies: [] })), { id: "all", dependencies: leaves }],
    trees: [{ id: "all", children: leaves.map((id) => ({ id, children: [] })) }]
  }
}

/** From the leaves to the root, each task needs as many. */
export const tree = (branches: number, depth: number): Shape => {
  const tasks: Array<Task> = []
  const grow = (id: string, below: number): Tree => {
    const children = below === 0 ? [] : range(branches, (n) => grow(`${id}.${n}`, below - 1))
    tasks.push({ id, dependencies: children.map((child) => child.id) })
    return { id, children }
  }
  return { name: "tree", trees: [grow("t", depth)], tasks }
}

/**
 * Each task needs the one above and the one to the left: a tree cannot express two tasks that need
 * the same one.
 */
export const lattice = (side: number): Shape => ({
  name: "lattice",
  tasks: range(side * side, (n) => {
    const row = Math.floor(n / side)
    const column = n % side
    return {
      id: `t${row}.${column}`,
      dependencies: [...(row > 0 ? [`t${row - 1}.${column}`] : []), ...(column > 0 ? [`t${row}.${column - 1}`] : [])]
    }
  }),
  trees: undefined
})

/** Each task needs up to three of the layer above. */
export const layered = (size: number, width: number): Shape => {
  const { next } = Random.make(1)
  return {
    name: "layered",
    tasks: range(size, (n) => {
      const layer = Math.floor(n / width)
      const dependencies = new Set<string>()
      for (let k = 0; k < 3 && layer > 0; k++) dependencies.add(`t${(layer - 1) * width + Math.floor(next() * width)}`)
      return { id: `t${n}`, dependencies: [...dependencies] }
    }),
    trees: undefined
  }
}

/** All tasks are independent. */
export const independent = (size: number): Shape => {
  const tasks = range(size, (n) => ({ id: `t${n}`, dependencies: [] }))
  return { name: "independent", tasks, trees: tasks.map(({ id }) => ({ id, children: [] })) }
}
