/** The readiness of one run: a counter and a mark per task. */
import { type Dag, indexOrThrow } from "./Graph.ts"

/**
 * The readiness of one run over a graph: mutable, and a settlement costs only the dependents it
 * touches.
 *
 * Each task is waiting, ready or settled. It becomes ready exactly once, when the last of its
 * dependencies settles, or never, if it is settled before that (skipped or cancelled).
 */
export interface Frontier {
  /**
   * The ids that are ready now, in declaration order: at first the sources. Looks at every task.
   */
  ready(): Array<string>
  /**
   * Settles a task and returns the ids that became ready by it. A second time changes nothing and
   * returns none. Throws a `RangeError` on an id that is not in the graph.
   */
  settle(id: string): Array<string>
}

export class Run implements Frontier {
  readonly #dag: Dag
  readonly #remaining: Int32Array
  readonly #settled: Uint8Array

  constructor(dag: Dag) {
    this.#dag = dag
    this.#remaining = new Int32Array(dag.size)
    this.#settled = new Uint8Array(dag.size)
    const { offsets } = dag.rows
    for (let index = 0; index < dag.size; index++) this.#remaining[index] = offsets[index + 1]! - offsets[index]!
  }

  ready(): Array<string> {
    return this.#dag.ids.filter((_, index) => this.#remaining[index] === 0 && this.#settled[index] === 0)
  }

  settle(id: string): Array<string> {
    const settled = indexOrThrow(this.#dag, id)
    const ready: Array<string> = []
    if (this.#settled[settled] === 1) return ready
    this.#settled[settled] = 1
    const { offsets, targets } = this.#dag.dependentRows
    for (let edge = offsets[settled]!; edge < offsets[settled + 1]!; edge++) {
      const waiting = targets[edge]!
      if (--this.#remaining[waiting]! === 0 && this.#settled[waiting] === 0) ready.push(this.#dag.ids[waiting]!)
    }
    return ready
  }
}
