/** The readiness of one run: a counter and a mark per task. */
import type { Dag, Frontier } from "../Dag.ts"
import { emptyStore, firstDependent, indexOrThrow, isEdge, version, withRoom } from "./Store.ts"

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
