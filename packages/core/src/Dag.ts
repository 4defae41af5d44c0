/**
 * The task graph: which tasks wait for which, checked once and then only read.
 *
 * A `Dag` that exists is valid: no duplicate id, no dangling or repeated dependency, no cycle. Everything here is pure and
 * synchronous, takes time and memory linear in tasks plus dependencies, and recurses nowhere, so a chain of 100,000 tasks
 * is as safe as a flat graph. Equal input gives equal output, order included.
 *
 * Tasks are known by id outside and by index inside; an index is a task's place in declaration order and never changes,
 * not even when the graph grows.
 */
import * as Result from "effect/Result"
import { type Frontier, Run } from "./Dag/Frontier.ts"
import {
  append,
  copyStore,
  emptyStore,
  firstDependent,
  idsOf,
  indexOrThrow,
  isEdge,
  none,
  version
} from "./Dag/Store.ts"
import type { Dag, Node } from "./Dag/Store.ts"
import { distinct, type Problem, resolve, sort } from "./Dag/Validation.ts"

export type { Dag, Node } from "./Dag/Store.ts"
export type { Frontier } from "./Dag/Frontier.ts"
export type { Problem } from "./Dag/Validation.ts"

/** What a task counts for on a path: finite and not negative. */
export type Weight = (id: string, index: number) => number

/** A heaviest path through the graph. */
export interface CriticalPath {
  /** The sum of the durations on the path, in their unit: no schedule is shorter. */
  readonly length: number
  /** The ids from a source to a sink. Empty only for the empty graph. */
  readonly path: ReadonlyArray<string>
}

// Constructors

/** The graph of these tasks, or everything that is wrong with them: each task's problems as declared, then the cycles,
 * one for every set of tasks that wait for each other (a shortest one through the task declared first). */
export const make = (nodes: ReadonlyArray<Node>): Result.Result<Dag, ReadonlyArray<Problem>> =>
  grow(version(emptyStore(), 0, 0), nodes)

/**
 * The graph with more tasks, which may depend on each other and on tasks that are there; the same as `make` of all of
 * them. The given graph stays as it was, indexes and order included, and on a failure nothing is added.
 *
 * No cycle can pass through a task that is there, because it never comes to depend on an added one; so only what is added
 * is looked at, and the cost is linear in that, amortised. Growing one graph twice copies it for the second growth.
 */
export const grow = (dag: Dag, nodes: ReadonlyArray<Node>): Result.Result<Dag, ReadonlyArray<Problem>> => {
  const problems: Array<Problem> = []
  const addition = resolve(dag, nodes, problems)
  const order = sort(dag.size, addition, problems)
  if (problems.length > 0) return Result.fail(distinct(problems))
  const newest = dag.store.ids.length === dag.size
  return Result.succeed(append(newest ? dag.store : copyStore(dag), addition, order))
}

/** Starts a run over the graph: nothing is settled. */
export const frontier = (dag: Dag): Frontier => new Run(dag)

// Combinators

/** The ids a task depends on, each once, as declared. Throws a `RangeError` on an unknown id. */
export const dependenciesOf = (dag: Dag, id: string): ReadonlyArray<string> =>
  idsOf(dag, dag.dependencies(indexOrThrow(dag, id)))

/** The ids that depend on a task, in declaration order. Throws a `RangeError` on an unknown id. */
export const dependentsOf = (dag: Dag, id: string): ReadonlyArray<string> =>
  idsOf(dag, dag.dependents(indexOrThrow(dag, id)))

/** The ids of the tasks without dependencies, in declaration order. */
export const sources = (dag: Dag): ReadonlyArray<string> =>
  dag.ids.filter((_, index) => dag.dependencies(index).length === 0)

/** The ids of the tasks that nothing depends on, in declaration order. */
export const sinks = (dag: Dag): ReadonlyArray<string> =>
  dag.ids.filter((_, index) => firstDependent(dag, index) === none)

/** By index: the number of steps on the longest way to the task from a source; a source has 0. */
export const levels = (dag: Dag): Int32Array => {
  const { offsets, targets } = dag.store
  const level = new Int32Array(dag.size)
  for (const index of dag.order) {
    let highest = -1
    for (let edge = offsets[index]!; edge < offsets[index + 1]!; edge++)
      highest = Math.max(highest, level[targets[edge]!]!)
    level[index] = highest + 1
  }
  return level
}

/** The ids of each level, in declaration order: no task of a layer depends on another of it. */
export const layers = (dag: Dag): ReadonlyArray<ReadonlyArray<string>> => {
  const result: Array<Array<string>> = []
  const level = levels(dag)
  for (let index = 0; index < dag.size; index++) {
    while (result.length <= level[index]!) result.push([])
    result[level[index]!]!.push(dag.store.ids[index]!)
  }
  return result
}

/**
 * By index: the weight of the heaviest path from the task to a sink, both included. Without a weight every task counts 1.
 * Taking the ready task with the highest figure first is the critical-path rule of list scheduling.
 */
export const longestPathToSink = (dag: Dag, weight: Weight = () => 1): Float64Array => {
  const { ids, offsets, targets } = dag.store
  const longest = new Float64Array(dag.size)
  for (let place = dag.size - 1; place >= 0; place--) {
    const index = dag.order[place]!
    // Every dependent has already raised this task's figure to its own.
    const length = longest[index]! + weight(ids[index]!, index)
    longest[index] = length
    for (let edge = offsets[index]!; edge < offsets[index + 1]!; edge++) {
      const dependency = targets[edge]!
      if (longest[dependency]! < length) longest[dependency] = length
    }
  }
  return longest
}

/** The path that takes longest when each task takes its duration and all that are ready run at once. Of equals, the one
 * declared first. */
export const criticalPath = (dag: Dag, durations: Weight): CriticalPath => {
  const longest = longestPathToSink(dag, durations)
  const heaviest = (candidates: Iterable<number>): number => {
    let best = none
    for (const candidate of candidates) if (best === none || longest[candidate]! > longest[best]!) best = candidate
    return best
  }
  const path: Array<string> = []
  const first = heaviest(sources(dag).map(dag.indexOf))
  for (let index = first; index !== none; index = heaviest(dag.dependents(index))) path.push(dag.store.ids[index]!)
  return { length: first === none ? 0 : longest[first]!, path }
}

/**
 * The ids that depend on any of the given, at any distance: what a failure takes with it. In declaration order. A given
 * id is among them only when it depends on another given one. Throws a `RangeError` on an unknown id.
 */
export const reachable = (dag: Dag, from: Iterable<string>): ReadonlySet<string> => {
  const { dependent, next, ids } = dag.store
  const reached = new Uint8Array(dag.size)
  const pending = Array.from(from, (id) => indexOrThrow(dag, id))
  for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
    for (let edge = firstDependent(dag, index); isEdge(dag, edge); edge = next[edge]!) {
      const found = dependent[edge]!
      if (reached[found] === 1) continue
      reached[found] = 1
      pending.push(found)
    }
  }
  const result = new Set<string>()
  for (let index = 0; index < dag.size; index++) if (reached[index] === 1) result.add(ids[index]!)
  return result
}

/** The graph as the text of a Mermaid flowchart, arrows from a dependency to what waits for it. Any id is escaped. */
export const toMermaid = (dag: Dag): string => {
  const lines = ["flowchart TD"]
  dag.ids.forEach((id, index) => lines.push(`  t${index}["${mermaidText(id)}"]`))
  dag.ids.forEach((_, index) => {
    for (const dependency of dag.dependencies(index)) lines.push(`  t${dependency} --> t${index}`)
  })
  return lines.join("\n") + "\n"
}

/** A problem in words: what is wrong, where, and what to do. */
export const describe = (problem: Problem): string => {
  switch (problem.code) {
    case "duplicate-task":
      return `The id ${JSON.stringify(problem.id)} is given to more than one task: give each its own.`
    case "self-dependency":
      return `Task ${JSON.stringify(problem.id)} depends on itself: remove that dependency.`
    case "unknown-dependency":
      return `Task ${JSON.stringify(problem.id)} depends on ${JSON.stringify(problem.dependency)}, which is no task: add it or correct the name.`
    case "cycle":
      return `Tasks wait for each other, each for the next: ${problem.path.join(" -> ")}. Remove one of these dependencies.`
  }
}

const mermaidText = (text: string): string =>
  text.replace(/["#&<>`\\\p{Cc}]/gu, (character) => `#${character.codePointAt(0)};`)
