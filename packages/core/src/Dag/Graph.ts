/**
 * A valid graph as compressed rows: the dependencies of all tasks in one array, those of a task
 * side by side. So are its dependents, which are gathered when they are first asked for.
 */

/** What a graph is made of: a task's id and the ids of the tasks that must settle before it. */
export interface Node {
  readonly id: string
  readonly dependencies: ReadonlyArray<string>
}

/** A valid graph. The typed arrays it hands out are views: read them, never write them. */
export interface Dag {
  /** How many tasks there are. */
  readonly size: number
  /** The ids in declaration order. */
  readonly ids: ReadonlyArray<string>
  /**
   * The indexes in topological order: dependencies come first. Otherwise tasks stay as declared,
   * except that one is pulled forward by the first task that needs it; so a declaration that is
   * already sorted is its own order.
   */
  readonly order: Int32Array
  /** The index of a task, -1 when there is none of that id. */
  indexOf(id: string): number
  /**
   * The indexes a task depends on, each once, as declared. Throws a `RangeError` outside the graph.
   */
  dependencies(index: number): Int32Array
  /** The indexes that depend on a task, ascending. Throws a `RangeError` outside the graph. */
  dependents(index: number): Int32Array
  /** The dependencies of all tasks. */
  readonly rows: Rows
  /** The dependents of all tasks. */
  readonly dependentRows: Rows
}

/** Per task the indexes of others: those of task `n` lie from `offsets[n]` to `offsets[n + 1]`. */
export interface Rows {
  readonly offsets: Int32Array
  readonly targets: Int32Array
}

/** No task. */
export const none = -1

/**
 * The graph of resolved tasks: their indexes by id, their dependencies, and an order in which these
 * come first.
 */
export const make = (indexes: ReadonlyMap<string, number>, rows: Rows, order: Int32Array): Dag =>
  new Graph(indexes, rows, order)

class Graph implements Dag {
  readonly ids: ReadonlyArray<string>
  readonly order: Int32Array
  readonly rows: Rows
  readonly #indexes: ReadonlyMap<string, number>
  #dependentRows: Rows | undefined

  constructor(indexes: ReadonlyMap<string, number>, rows: Rows, order: Int32Array) {
    this.ids = [...indexes.keys()]
    this.order = order
    this.rows = rows
    this.#indexes = indexes
  }

  get size(): number {
    return this.ids.length
  }

  get dependentRows(): Rows {
    return (this.#dependentRows ??= transposed(this.rows))
  }

  readonly indexOf = (id: string): number => this.#indexes.get(id) ?? none

  readonly dependencies = (index: number): Int32Array => this.#rowOf(this.rows, index)

  readonly dependents = (index: number): Int32Array => this.#rowOf(this.dependentRows, index)

  #rowOf({ offsets, targets }: Rows, index: number): Int32Array {
    if (!(index >= 0 && index < this.size))
      throw new RangeError(`Invalid task index ${index}: the graph has ${this.size} tasks.`)
    return targets.subarray(offsets[index], offsets[index + 1])
  }
}

/** From dependencies to dependents; each row ascends. */
const transposed = ({ offsets, targets }: Rows): Rows => {
  const size = offsets.length - 1
  const edges = offsets[size]!
  const ends = new Int32Array(size + 1)
  for (let edge = 0; edge < edges; edge++) ends[targets[edge]! + 1]!++
  for (let index = 0; index < size; index++) ends[index + 1]! += ends[index]!
  const next = ends.slice(0, size)
  const dependents = new Int32Array(edges)
  for (let index = 0; index < size; index++)
    for (let edge = offsets[index]!; edge < offsets[index + 1]!; edge++) dependents[next[targets[edge]!]!++] = index
  return { offsets: ends, targets: dependents }
}

export const indexOrThrow = (dag: Dag, id: string): number => {
  const index = dag.indexOf(id)
  if (index === none) throw new RangeError(`Unknown task id ${JSON.stringify(id)}: the graph has ${dag.size} tasks.`)
  return index
}
