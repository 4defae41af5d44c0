import { describe, expect, it } from "@effect/vitest"
import * as Graph from "effect/Graph"
import * as Result from "effect/Result"
import * as Dag from "../src/Dag.ts"
import * as Graphs from "./arbitrary/Graph.ts"
import * as Property from "./arbitrary/Property.ts"

const property = Property.test(1_000)

const make = (nodes: Graphs.Nodes): Dag.Dag => Result.getOrThrow(Dag.make(nodes))
const problemsOf = (result: Result.Result<Dag.Dag, ReadonlyArray<Dag.Problem>>): ReadonlyArray<Dag.Problem> =>
  Result.isFailure(result) ? result.failure : []

/** `{ c: "a b" }` is a task c that depends on a and b. */
const tasks = (declared: Record<string, string>): Graphs.Nodes =>
  Object.entries(declared).map(([id, dependencies]) => ({ id, dependencies: dependencies.split(" ").filter(Boolean) }))

const dependenciesById = (nodes: Graphs.Nodes): Map<string, ReadonlyArray<string>> => {
  const first = new Map<string, ReadonlyArray<string>>()
  for (const { dependencies, id } of nodes) if (!first.has(id)) first.set(id, [...new Set(dependencies)])
  return first
}

/**
 * The same graph in Effect's terms, with edges from a task to its dependencies, without
 * self-dependencies and unknown names.
 */
const oracle = (nodes: Graphs.Nodes) => {
  const byId = dependenciesById(nodes)
  const ids = [...byId.keys()]
  const graph = Graph.directed<string, null>((mutable) => {
    for (const id of ids) Graph.addNode(mutable, id)
    for (const [id, dependencies] of byId) {
      for (const dependency of dependencies) {
        if (dependency === id || !byId.has(dependency)) continue
        Graph.addEdge(mutable, ids.indexOf(id), ids.indexOf(dependency), null)
      }
    }
  })
  return { graph, ids }
}

describe("a valid graph", () => {
  property("is read as declared, each dependency once", [Graphs.acyclic], (nodes) => {
    const dag = make(nodes)
    expect(dag.ids).toEqual(nodes.map(({ id }) => id))
    expect(dag.size).toBe(nodes.length)
    for (const { dependencies, id } of nodes) {
      expect(dag.ids[dag.indexOf(id)]).toBe(id)
      const dependents = nodes.filter((other) => other.dependencies.includes(id))
      expect([...dag.dependencies(dag.indexOf(id))]).toEqual([...new Set(dependencies)].map(dag.indexOf))
      expect([...dag.dependents(dag.indexOf(id))]).toEqual(dependents.map((other) => dag.indexOf(other.id)))
    }
    const needed = new Set(nodes.flatMap(({ dependencies }) => dependencies))
    expect(Dag.sinks(dag)).toEqual(dag.ids.filter((id) => !needed.has(id)))
  })

  property("is ordered dependencies first, as effect/Graph orders it", [Graphs.acyclic], (nodes) => {
    const dag = make(nodes)
    const { graph, ids } = oracle(nodes)
    const ordered = [...dag.order].map((index) => dag.ids[index]!)
    expect(new Set(ordered)).toEqual(new Set([...Graph.indices(Graph.topo(graph))].map((index) => ids[index]!)))
    expect(ordered).toHaveLength(nodes.length)
    for (const { dependencies, id } of nodes) {
      for (const dependency of dependencies) expect(ordered.indexOf(dependency)).toBeLessThan(ordered.indexOf(id))
    }
  })

  property("keeps the order of a sorted declaration", [Graphs.sorted], (nodes) => {
    expect([...make(nodes).order]).toEqual(nodes.map((_, index) => index))
  })

  it("moves a task forward only for its first dependent", () => {
    const dag = make(tasks({ report: "draft", gather: "", draft: "gather", extra: "" }))
    expect([...dag.order].map((index) => dag.ids[index])).toEqual(["gather", "draft", "report", "extra"])
  })

  it("may be empty", () => {
    const dag = make([])
    expect(dag.size).toBe(0)
    expect([...dag.ids, ...dag.order, ...Dag.sinks(dag), ...Dag.longestPathToSink(dag)]).toEqual([])
    expect(Dag.frontier(dag).ready()).toEqual([])
  })

  it("throws for an unknown task", () => {
    const dag = make(tasks({ a: "" }))
    expect(dag.indexOf("b")).toBe(-1)
    expect(() => Dag.reachable(dag, ["a", "b"])).toThrow('Unknown task id "b": the graph has 1 tasks.')
    expect(() => Dag.frontier(dag).settle("b")).toThrow(RangeError)
    for (const index of [-1, 1, Number.NaN]) {
      expect(() => dag.dependencies(index)).toThrow(RangeError)
      expect(() => dag.dependents(index)).toThrow(RangeError)
    }
  })
})

describe("a broken graph", () => {
  /**
   * The expected problems of the tasks, found by checking each separately; the cycles as the sets
   * of tasks in them.
   */
  const expected = (nodes: Graphs.Nodes) => {
    const { graph, ids } = oracle(nodes)
    const told = new Set<string>()
    nodes.forEach(({ dependencies, id }, at) => {
      if (nodes.findIndex((other) => other.id === id) < at) told.add(JSON.stringify({ code: "duplicate-task", id }))
      for (const dependency of dependencies) {
        if (dependency === id) told.add(JSON.stringify({ code: "self-dependency", id }))
        else if (!ids.includes(dependency)) {
          told.add(JSON.stringify({ code: "unknown-dependency", id, dependency }))
        }
      }
    })
    const components = Graph.stronglyConnectedComponents(graph)
      .filter((component) => component.length > 1)
      .map((component) => component.toSorted((left, right) => left - right))
      .sort((left, right) => left[0]! - right[0]!)
    return { graph, ids, told: [...told], components }
  }

  const checkProblems = (nodes: Graphs.Nodes): ReadonlyArray<Dag.Problem> => {
    const { components, graph, ids, told } = expected(nodes)
    const problems = problemsOf(Dag.make(nodes))
    const paths = problems.flatMap((problem) => (problem.code === "cycle" ? [problem.path] : []))
    const others = problems.filter(({ code }) => code !== "cycle").map((problem) => JSON.stringify(problem))
    expect(others.toSorted()).toEqual(told.toSorted())
    expect(paths).toHaveLength(components.length)
    expect(Graph.isAcyclic(graph)).toBe(paths.length === 0)
    paths.forEach((path, at) => {
      const steps = path.map((id) => ids.indexOf(id))
      expect(steps[0]).toBe(components[at]![0])
      expect(steps.at(-1)).toBe(steps[0])
      expect(new Set(steps).size).toBe(steps.length - 1)
      const dependencies = dependenciesById(nodes)
      path.slice(1).forEach((id, step) => expect(dependencies.get(path[step]!)).toContain(id))
      const distances = Graph.unweightedDistances(graph, steps[0]!)
      const closing = [...Graph.predecessors(graph, steps[0]!)].flatMap((before) => distances.get(before) ?? [])
      expect(path).toHaveLength(Math.min(...closing) + 2)
    })
    return problems
  }

  property("is refused with all problems at once", [Graphs.broken], ({ codes, nodes }) => {
    const found = checkProblems(nodes).map(({ code }) => code)
    for (const code of codes) expect(found).toContain(code)
  })

  property("is distinguished from a valid one", [Graphs.anything], (nodes) => {
    const valid = checkProblems(nodes).length === 0
    expect(Result.isSuccess(Dag.make(nodes))).toBe(valid)
  })

  it("names a cycle in order, each task depending on the next, and every independent cycle once", () => {
    const nodes = tasks({ a: "b", b: "c", c: "a d", d: "", x: "y a", y: "z x", z: "x" })
    expect(problemsOf(Dag.make(nodes))).toEqual([
      { code: "cycle", path: ["a", "b", "c", "a"] },
      { code: "cycle", path: ["x", "y", "x"] }
    ])
  })

  it("follows only the first of several tasks with one id, but checks them all", () => {
    const nodes = [...tasks({ a: "b", b: "" }), ...tasks({ b: "a gone" }), ...tasks({ b: "b gone" })]
    expect(problemsOf(Dag.make(nodes))).toEqual([
      { code: "duplicate-task", id: "b" },
      { code: "unknown-dependency", id: "b", dependency: "gone" },
      { code: "self-dependency", id: "b" }
    ])
  })

  it("is described for people", () => {
    const nodes = [...tasks({ a: "b", b: "a c b" }), ...tasks({ a: "" })]
    expect(problemsOf(Dag.make(nodes)).map(Dag.describe)).toEqual([
      'Task "b" depends on "c", which does not exist: add that task or correct the name.',
      'Task "b" depends on itself: remove that dependency.',
      'The id "a" is used by more than one task: give each task a unique id.',
      "Tasks depend on each other in a cycle: a -> b -> a. Remove one of these dependencies."
    ])
  })
})

describe("readiness", () => {
  /** The expected state of a frontier, computed naively. */
  const model = (nodes: Graphs.Nodes) => {
    const dependencies = dependenciesById(nodes)
    const settled = new Set<string>()
    const remaining = (id: string) => dependencies.get(id)!.filter((dependency) => !settled.has(dependency)).length
    const ready = () => nodes.map(({ id }) => id).filter((id) => !settled.has(id) && remaining(id) === 0)
    return { settled, remaining, ready }
  }

  property(
    "reaches every task exactly once, after its dependencies, in any interleaving",
    [Graphs.acyclic, Graphs.schedule],
    (nodes, schedule) => {
      const frontier = Dag.frontier(make(nodes))
      const state = model(nodes)
      const decide = Graphs.deciding(schedule)
      const ready = [...frontier.ready()]
      const started = new Set(ready)
      while (state.settled.size < nodes.length) {
        expect(frontier.ready()).toEqual(state.ready())
        // As long as anything is left something is ready, and everything else waits.
        expect(ready.length).toBeGreaterThan(0)
        expect(ready.toSorted()).toEqual(state.ready().toSorted())
        const [settling] = ready.splice(decide(ready.length), 1)
        const released = frontier.settle(settling!)
        state.settled.add(settling!)
        for (const id of released) {
          expect(started).not.toContain(id)
          expect(state.remaining(id)).toBe(0)
          started.add(id)
          ready.push(id)
        }
      }
      expect(frontier.ready()).toEqual([])
      expect(ready).toEqual([])
      expect(started.size).toBe(nodes.length)
    }
  )

  property(
    "is right when tasks are settled before they are ready, and twice",
    [Graphs.acyclic, Graphs.schedule],
    (nodes, schedule) => {
      const frontier = Dag.frontier(make(nodes))
      const state = model(nodes)
      const decide = Graphs.deciding(schedule)
      for (let step = 0; step < 2 * nodes.length; step++) {
        const { id } = nodes[(decide(nodes.length) + step) % nodes.length]!
        const before = state.ready()
        const again = state.settled.has(id)
        const released = frontier.settle(id)
        state.settled.add(id)
        expect([...released].toSorted()).toEqual(
          state
            .ready()
            .filter((other) => !before.includes(other))
            .toSorted()
        )
        if (again) expect(released).toEqual([])
        expect(frontier.ready()).toEqual(state.ready())
      }
    }
  )
})

describe("the effect of a failure", () => {
  property(
    "is everything reachable from it",
    [Graphs.acyclic.filter((nodes) => nodes.length > 0), Graphs.schedule],
    (nodes, schedule) => {
      const { graph, ids } = oracle(nodes)
      const decide = Graphs.deciding(schedule)
      const failed = Array.from({ length: decide(4) }, () => ids[decide(ids.length)]!)
      const dependsOn = (id: string, other: string) =>
        id !== other && Graph.hasPath(graph, ids.indexOf(id), ids.indexOf(other))
      const reached = Dag.reachable(make(nodes), failed)
      expect([...reached]).toEqual(ids.filter((id) => failed.some((other) => dependsOn(id, other))))
    }
  )
})

describe("paths", () => {
  const durationsFor =
    (schedule: ReadonlyArray<number>): Dag.Weight =>
    (_, index) =>
      schedule[index % schedule.length] ?? 1

  property("weighs the heaviest path to a sink", [Graphs.acyclic, Graphs.schedule], (nodes, schedule) => {
    const dag = make(nodes)
    for (const weight of [undefined, durationsFor(schedule)]) {
      const longest = Dag.longestPathToSink(dag, weight)
      for (let index = 0; index < dag.size; index++) {
        const below = [...dag.dependents(index)].map((dependent) => longest[dependent]!)
        expect(longest[index]).toBe((weight?.(dag.ids[index]!, index) ?? 1) + Math.max(0, ...below))
      }
    }
  })

  it("weighs it in a graph that is not series-parallel", () => {
    const dag = make(tasks({ a: "", b: "", c: "a", d: "a b", e: "c d" }))
    const durations: Record<string, number> = { a: 50, b: 200, c: 200, d: 50, e: 50 }
    expect([...Dag.longestPathToSink(dag, (id) => durations[id]!)]).toEqual([300, 300, 250, 100, 50])
  })
})

describe("a part of a larger graph", () => {
  property("is the graph of the known tasks", [Graphs.anything], (nodes) => {
    const byId = dependenciesById(nodes)
    const known = Array.from(byId, ([id, dependencies]) => ({
      id,
      dependencies: dependencies.filter((dependency) => byId.has(dependency))
    }))
    const part = Dag.within(nodes)
    const whole = Dag.make(known)
    expect(Result.isFailure(part)).toBe(
      Result.isFailure(whole) || nodes.some((node) => node.dependencies.includes(node.id))
    )
    const circles = problemsOf(Dag.make(nodes)).filter(({ code }) => code === "cycle" || code === "self-dependency")
    expect(problemsOf(part)).toEqual(circles)
    if (Result.isFailure(part) || Result.isFailure(whole)) return
    expect(part.success.ids).toEqual(whole.success.ids)
    expect(part.success.order).toEqual(whole.success.order)
    for (const index of part.success.order) {
      expect(part.success.dependencies(index)).toEqual(whole.success.dependencies(index))
      expect(part.success.dependents(index)).toEqual(whole.success.dependents(index))
    }
  })
})

describe("size", () => {
  const size = 100_000

  /** Plans and walks; returns the ids in the order in which they became ready. */
  const plan = (nodes: Graphs.Nodes): ReadonlyArray<string> => {
    const dag = make(nodes)
    Dag.longestPathToSink(dag)
    const frontier = Dag.frontier(dag)
    const ready = [...frontier.ready()]
    for (let next = 0; next < ready.length; next++) for (const id of frontier.settle(ready[next]!)) ready.push(id)
    return ready
  }

  it("100,000 tasks in random layers are planned and walked", () => {
    const width = 100
    let state = 42
    const random = (below: number) => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) % below
    const nodes = Array.from({ length: size }, (_, task) => {
      const above = task - (task % width) - width
      const pick = () => `task-${above + random(width)}`
      return { id: `task-${task}`, dependencies: above < 0 ? [] : [pick(), pick(), pick()] }
    })
    expect(plan(nodes)).toHaveLength(size)
  })

  it("depth and width do not use the stack", () => {
    const chain = Array.from({ length: size }, (_, task) => ({
      id: `${task}`,
      dependencies: task + 1 < size ? [`${task + 1}`] : []
    }))
    expect(plan(chain)[0]).toBe(`${size - 1}`)
    const dag = make(chain)
    expect(Dag.reachable(dag, [`${size - 1}`]).size).toBe(size - 1)
    expect(Math.max(...Dag.longestPathToSink(dag).subarray(0, 1_000))).toBe(1_000)
    expect(Dag.longestPathToSink(dag)[size - 1]).toBe(size)

    const fan = [
      ...chain.map(({ id }) => ({ id, dependencies: [] })),
      { id: "all", dependencies: chain.map(({ id }) => id) }
    ]
    expect(plan(fan).at(-1)).toBe("all")
    expect(Dag.reachable(make(fan), ["0"])).toEqual(new Set(["all"]))

    const [cycle] = problemsOf(Dag.make([...chain.slice(0, -1), { id: `${size - 1}`, dependencies: ["0"] }]))
    expect(cycle).toMatchObject({ code: "cycle", path: { length: size + 1 } })
    const pairs = chain.map(({ id }, task) => ({ id, dependencies: [`${task ^ 1}`] }))
    expect(problemsOf(Dag.make(pairs))).toHaveLength(size / 2)
  })
})
