/** The readiness of one run: a counter and a mark per task. */
import { type Dag, emptyStore, firstDependent, indexOrThrow, isEdge, version, withRoom } from "./Store.ts"

/**
 * The readiness of one run over a graph: mutable, and a settlement costs only the dependents it touches.
 *
 * Each task is waiting, ready or settled. It becomes ready exactly once, when the last of its dependencies settles, or
 * never, if it is settled before that (skipped or cancelled). Every method throws a `RangeError` on an id it does not know.
 */
export interface Frontier {
  /** How many tasks are not settled. */
  readonly unsettled: number
  /** The ids that are ready now, in declaration order: at first the sources. Looks at every task. */
  ready(): ReadonlyArray<string>
  /** Settles a task and returns the ids that became ready by it. A second time changes nothing and returns none. */
  settle(id: string): ReadonlyArray<string>
  /**
   * Settles tasks together, as a failure does with all that it takes with it, and returns the ids that became ready by it:
   * none of the given, while one `settle` after the other would return those that are ready before their own turn.
   */
  settleAll(ids: Iterable<string>): ReadonlyArray<string>
  /** How many dependencies of the task are not settled. */
  remaining(id: string): number
  isSettled(id: string): boolean
  /**
   * Goes on with a graph that `grow` made from this one, and returns those of the added ids that are ready at once.
   * Throws a `RangeError` on a graph that is no growth of this one.
   */
  extend(dag: Dag): ReadonlyArray<string>
}

export class Run implements Frontier {
  unsettled = 0
  #dag: Dag
  #remaining = new Int32Array(0)
  #settled = new Int32Array(0)

  constructor(dag: Dag) {
    this.#dag = version(emptyStore(), 0, 0)
    this.#add(dag)
  }

  ready(): ReadonlyArray<string> {
    return this.#readyFrom(0)
  }

  settle(id: string): ReadonlyArray<string> {
    const { dependent, next, ids } = this.#dag.store
    const settled = indexOrThrow(this.#dag, id)
    const ready: Array<string> = []
    if (this.#settled[settled] === 1) return ready
    this.#settled[settled] = 1
    this.unsettled--
    for (let edge = firstDependent(this.#dag, settled); isEdge(this.#dag, edge); edge = next[edge]!) {
      const waiting = dependent[edge]!
      if (--this.#remaining[waiting]! === 0 && this.#settled[waiting] === 0) ready.push(ids[waiting]!)
    }
    return ready
  }

  settleAll(ids: Iterable<string>): ReadonlyArray<string> {
    // Looked up first, so that an unknown id leaves everything as it was.
    const known = Array.from(ids, (id) => this.#dag.store.ids[indexOrThrow(this.#dag, id)]!)
    return known.flatMap((id) => this.settle(id)).filter((id) => !this.isSettled(id))
  }

  remaining(id: string): number {
    return this.#remaining[indexOrThrow(this.#dag, id)]!
  }

  isSettled(id: string): boolean {
    return this.#settled[indexOrThrow(this.#dag, id)] === 1
  }

  extend(dag: Dag): ReadonlyArray<string> {
    const start = this.#dag.size
    if (!isGrowth(this.#dag, dag))
      throw new RangeError(`The given graph is no growth of the one of ${start} tasks that is being run.`)
    this.#add(dag)
    return this.#readyFrom(start)
  }

  #add(dag: Dag): void {
    const { offsets, targets } = dag.store
    const start = this.#dag.size
    this.#remaining = withRoom(this.#remaining, dag.size)
    this.#settled = withRoom(this.#settled, dag.size)
    for (let index = start; index < dag.size; index++) {
      let remaining = 0
      for (let edge = offsets[index]!; edge < offsets[index + 1]!; edge++)
        remaining += 1 - this.#settled[targets[edge]!]!
      this.#remaining[index] = remaining
    }
    this.unsettled += dag.size - start
    this.#dag = dag
  }

  #readyFrom(start: number): ReadonlyArray<string> {
    const ready: Array<string> = []
    for (let index = start; index < this.#dag.size; index++) {
      if (this.#remaining[index] === 0 && this.#settled[index] === 0) ready.push(this.#dag.store.ids[index]!)
    }
    return ready
  }
}

/** Versions in one store are growths of each other by construction; only a copy has to be compared. */
const isGrowth = (before: Dag, after: Dag): boolean => {
  if (after.size < before.size || after.store === before.store) return after.size >= before.size
  const same = (left: Int32Array, right: Int32Array, length: number) =>
    left.subarray(0, length).every((value, at) => value === right[at])
  return (
    before.ids.every((id, index) => id === after.store.ids[index]) &&
    same(before.store.offsets, after.store.offsets, before.size + 1) &&
    same(before.store.targets, after.store.targets, before.edges)
  )
}
