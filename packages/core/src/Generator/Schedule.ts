/**
 * List scheduling: tasks begin in declared order as soon as their dependencies are settled and one
 * of a limited number of slots is free. Pure. Linear in tasks and dependencies, apart from the
 * slots.
 */
import * as Dag from "../Dag.ts"

export interface Options {
  /** By index, in any unit of time. */
  readonly durations: ArrayLike<number>
  /** The number of concurrent tasks, at least 1. */
  readonly concurrency: number
}

/** When the last task ends, if the first begins at 0. */
export const makespan = (dag: Dag.Dag, { concurrency, durations }: Options): number => {
  if (dag.size <= concurrency) return longest(dag, durations)
  const frontier = Dag.frontier(dag)
  const ready = frontier.ready().map((id) => dag.indexOf(id))
  const running: Array<{ readonly index: number; readonly end: number }> = []
  let now = 0
  while (ready.length > 0 || running.length > 0) {
    while (ready.length > 0 && running.length < concurrency) {
      const index = ready.shift()!
      insert(running, { index, end: now + durations[index]! }, ({ end }) => end)
    }
    const first = running.shift()!
    now = first.end
    for (const id of frontier.settle(dag.ids[first.index]!)) insert(ready, dag.indexOf(id), (index) => index)
  }
  return now
}

/** The critical path: the duration with unlimited slots. */
export const longest = (dag: Dag.Dag, durations: ArrayLike<number>): number =>
  Dag.longestPathToSink(dag, (_, index) => durations[index]!).reduce((most, length) => Math.max(most, length), 0)

const insert = <A>(sorted: Array<A>, item: A, key: (item: A) => number): void => {
  let at = sorted.length
  while (at > 0 && key(sorted[at - 1]!) > key(item)) at--
  sorted.splice(at, 0, item)
}
