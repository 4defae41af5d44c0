/**
 * The task graph: the dependencies between tasks, validated once and then read-only.
 *
 * A `Dag` that exists is valid: no duplicate id, no dangling or repeated dependency, no cycle.
 * Everything here is pure and synchronous, takes time and memory linear in tasks plus dependencies,
 * and recurses nowhere, so a chain of 100,000 tasks is as safe as a flat graph. Equal input gives
 * equal output, order included.
 *
 * Tasks are known by id outside and by index inside; an index is a task's place in declaration
 * order and never changes.
 */
import * as Result from "effect/Result"
import { type Frontier, Run } from "./Dag/Frontier.ts"
import * as Graph from "./Dag/Graph.ts"
import type { Dag, Node } from "./Dag/Graph.ts"
import { distinct, type Problem, resolve, sort } from "./Dag/Validation.ts"

export type { Frontier } from "./Dag/Frontier.ts"
export type { Dag, Node } from "./Dag/Graph.ts"
export type { Problem } from "./Dag/Validation.ts"

/** What a task counts for on a path: finite and not negative. */
export type Weight = (id: string, index: number) => number

// Constructors

/**
 * The graph of these tasks, or everything that is wrong with them: each task's problems as
 * declared, then the cycles, one for every set of tasks that wait for each other (a shortest one
 * through the task declared first).
 */
export const make = (nodes: ReadonlyArray<Node>): Result.Result<Dag, ReadonlyArray<Problem>> => {
  const problems: Array<Problem> = []
  const resolved = resolve(nodes, problems)
  const order = sort(resolved, problems)
  return problems.length > 0
    ? Result.fail(distinct(problems))
    : Result.succeed(Graph.make(resolved.indexes, resolved.rows, order))
}

/**
 * The graph among tasks of something larger: what they depend on besides each other is left out,
 * and of several tasks of one id the first counts. Fails only on tasks that wait for each other or
 * for themselves, which `make` would tell of too.
 */
export const within = (nodes: ReadonlyArray<Node>): Result.Result<Dag, ReadonlyArray<Problem>> => {
  const problems: Array<Problem> = []
  const resolved = resolve(nodes, problems)
  const order = sort(resolved, problems)
  const circles = problems.filter(({ code }) => code === "self-dependency" || code === "cycle")
  return circles.length > 0
    ? Result.fail(distinct(circles))
    : Result.succeed(Graph.make(resolved.indexes, resolved.rows, order))
}

/** Starts a run over the graph: nothing is settled. */
export const frontier = (dag: Dag): Frontier => new Run(dag)

// Combinators

/** The ids of the tasks that nothing depends on, in declaration order. */
export const sinks = ({ ids, rows: { offsets, targets } }: Dag): ReadonlyArray<string> => {
  const needed = new Uint8Array(ids.length)
  for (let edge = 0; edge < offsets[ids.length]!; edge++) needed[targets[edge]!] = 1
  return ids.filter((_, index) => needed[index] === 0)
}

/**
 * By index: the weight of the heaviest path from the task to a sink, both included. Without a
 * weight every task counts 1. Taking the ready task with the highest figure first is the
 * critical-path rule of list scheduling.
 */
export const longestPathToSink = ({ ids, order, rows }: Dag, weight: Weight = () => 1): Float64Array => {
  const { offsets, targets } = rows
  const longest = new Float64Array(ids.length)
  for (let place = ids.length - 1; place >= 0; place--) {
    const index = order[place]!
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

/**
 * The ids that depend on any of the given, at any distance: what a failure takes with it. In
 * declaration order. A given id is among them only when it depends on another given one. Throws a
 * `RangeError` on an unknown id.
 */
export const reachable = (dag: Dag, from: Iterable<string>): ReadonlySet<string> => {
  const { offsets, targets } = dag.dependentRows
  const isReached = new Uint8Array(dag.size)
  const reached: Array<number> = []
  const pending = Array.from(from, (id) => Graph.indexOrThrow(dag, id))
  for (let index = pending.pop(); index !== undefined; index = pending.pop()) {
    for (let edge = offsets[index]!; edge < offsets[index + 1]!; edge++) {
      const found = targets[edge]!
      if (isReached[found] === 1) continue
      isReached[found] = 1
      reached.push(found)
      pending.push(found)
    }
  }
  return new Set(Array.from(Int32Array.from(reached).sort(), (index) => dag.ids[index]!))
}

/** A problem as a message: what is wrong, where, and what to do. */
export const describe = (problem: Problem): string => {
  switch (problem.code) {
    case "duplicate-task":
      return `The id ${JSON.stringify(problem.id)} is used by more than one task: give each task a unique id.`
    case "self-dependency":
      return `Task ${JSON.stringify(problem.id)} depends on itself: remove that dependency.`
    case "unknown-dependency":
      return `Task ${JSON.stringify(problem.id)} depends on ${JSON.stringify(problem.dependency)}, which does not exist: add that task or correct the name.`
    case "cycle":
      return `Tasks depend on each other in a cycle: ${problem.path.join(" -> ")}. Remove one of these dependencies.`
  }
}
