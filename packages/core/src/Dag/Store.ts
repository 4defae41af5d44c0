/**
 * What all versions of a growing graph share. A store is only ever appended to, so that a version is a prefix of it: growing
 * is linear in what is added, and an older version goes on reading what it always read.
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
   * The indexes in topological order: dependencies come first. Otherwise tasks stay as declared, except that one is pulled
   * forward by the first task that needs it; so a declaration that is already sorted is its own order.
   */
  readonly order: Int32Array
  /** The index of a task, -1 when there is none of that id. */
  indexOf(id: string): number
  /** The indexes a task depends on, each once, as declared. Throws a `RangeError` outside the graph. */
  dependencies(index: number): Int32Array
  /** The indexes that depend on a task, ascending. Throws a `RangeError` outside the graph. */
  dependents(index: number): Int32Array
  /** @internal How many dependencies there are: a version of the store ends here. */
  readonly edges: number
  /** @internal */
  readonly store: Store
}

/** No task, or no edge. */
export const none = -1

/**
 * A version has the first `size` tasks and the first `edges` dependencies. A task's dependencies lie together (compressed
 * rows), but its dependents are a list linked through the dependencies, because later tasks add to it; the list ascends, so
 * an older version reads it up to its own last edge.
 */
export interface Store {
  readonly ids: Array<string>
  readonly indexes: Map<string, number>
  order: Int32Array<ArrayBuffer>
  /** Task -> its first edge; the next task's first edge ends its row. */
  offsets: Int32Array<ArrayBuffer>
  /** Edge -> the task depended on. */
  targets: Int32Array<ArrayBuffer>
  /** Edge -> the task that depends. */
  dependent: Int32Array<ArrayBuffer>
  /** Edge -> the next edge to the same target. */
  next: Int32Array<ArrayBuffer>
  /** Task -> the first and the last edge to it. */
  first: Int32Array<ArrayBuffer>
  last: Int32Array<ArrayBuffer>
}

/** Tasks that passed resolution, as rows of their own; the targets are indexes in the grown graph. */
export interface Addition {
  readonly indexes: Map<string, number>
  readonly offsets: Int32Array
  readonly targets: Int32Array
}

export const emptyStore = (): Store => ({
  ids: [],
  indexes: new Map(),
  order: new Int32Array(0),
  offsets: new Int32Array(1),
  targets: new Int32Array(0),
  dependent: new Int32Array(0),
  next: new Int32Array(0),
  first: new Int32Array(0),
  last: new Int32Array(0)
})

/** A store of this version alone, to grow another way than the one it shares. */
export const copyStore = (dag: Dag): Store => {
  const indexes = new Map(dag.ids.map((id, index) => [id, index]))
  const offsets = dag.store.offsets.subarray(0, dag.size + 1)
  return append(emptyStore(), { indexes, offsets, targets: dag.store.targets }, dag.order).store
}

/** Adds resolved tasks, given in `order`, to a store whose newest version is the one they were resolved against. */
export const append = (store: Store, addition: Addition, order: Int32Array): Dag => {
  const start = store.ids.length
  const size = start + addition.indexes.size
  const firstEdge = store.offsets[start]!
  const edges = firstEdge + addition.offsets[addition.indexes.size]!
  store.order = withRoom(store.order, size)
  store.first = withRoom(store.first, size)
  store.last = withRoom(store.last, size)
  store.offsets = withRoom(store.offsets, size + 1)
  store.targets = withRoom(store.targets, edges)
  store.dependent = withRoom(store.dependent, edges)
  store.next = withRoom(store.next, edges)

  for (const [id, index] of addition.indexes) {
    store.ids.push(id)
    store.indexes.set(id, index)
  }
  store.order.set(order, start)
  store.first.fill(none, start, size)
  store.last.fill(none, start, size)
  store.next.fill(none, firstEdge, edges)
  for (let index = start; index < size; index++) {
    const end = firstEdge + addition.offsets[index - start + 1]!
    store.offsets[index + 1] = end
    for (let edge = store.offsets[index]!; edge < end; edge++) {
      const target = addition.targets[edge - firstEdge]!
      const last = store.last[target]!
      store.targets[edge] = target
      store.dependent[edge] = index
      store.last[target] = edge
      if (last === none) store.first[target] = edge
      else store.next[last] = edge
    }
  }
  return version(store, size, edges)
}

/** Doubling keeps a sequence of growths linear. Older versions go on reading whichever array the store has. */
export const withRoom = (array: Int32Array<ArrayBuffer>, length: number): Int32Array<ArrayBuffer> => {
  if (array.length >= length) return array
  const roomy = new Int32Array(array.length === 0 ? length : Math.max(length, array.length * 2))
  roomy.set(array)
  return roomy
}

export const version = (store: Store, size: number, edges: number): Dag => {
  let ids: ReadonlyArray<string> | undefined
  const check = (index: number): void => {
    if (!(index >= 0 && index < size))
      throw new RangeError(`No task has the index ${index}: the graph has ${size} tasks.`)
  }
  const dag: Dag = {
    size,
    edges,
    store,
    order: store.order.subarray(0, size),
    // Copied when first asked for: growing by one task should not cost the length of the graph.
    get ids() {
      return (ids ??= store.ids.slice(0, size))
    },
    indexOf: (id) => {
      const index = store.indexes.get(id)
      return index === undefined || index >= size ? none : index
    },
    dependencies: (index) => {
      check(index)
      return store.targets.subarray(store.offsets[index]!, store.offsets[index + 1]!)
    },
    dependents: (index) => {
      check(index)
      const found: Array<number> = []
      for (let edge = firstDependent(dag, index); isEdge(dag, edge); edge = store.next[edge]!)
        found.push(store.dependent[edge]!)
      return Int32Array.from(found)
    }
  }
  return dag
}

/** A list ends at its end, or where another version went on. */
export const isEdge = (dag: Dag, edge: number): boolean => edge !== none && edge < dag.edges

export const firstDependent = (dag: Dag, index: number): number => {
  const edge = dag.store.first[index]!
  return isEdge(dag, edge) ? edge : none
}

export const idsOf = (dag: Dag, indexes: Int32Array): ReadonlyArray<string> =>
  Array.from(indexes, (index) => dag.store.ids[index]!)

export const indexOrThrow = (dag: Dag, id: string): number => {
  const index = dag.indexOf(id)
  if (index === none) throw new RangeError(`No task has the id ${JSON.stringify(id)}: the graph has ${dag.size} tasks.`)
  return index
}
