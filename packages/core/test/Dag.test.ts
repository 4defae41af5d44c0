import { describe, expect, it } from "@effect/vitest"
import * as Graph from "effect/Graph"
import * as Result from "effect/Result"
import * as FastCheck from "fast-check"
import * as Dag from "../src/Dag.ts"
import * as Graphs from "./arbitrary/Graph.ts"

const runs = { numRuns: 1_000 }

const property = <Values extends [unknown, ...Array<unknown>]>(
  name: string,
  arbitraries: { [Index in keyof Values]: FastCheck.Arbitrary<Values[Index]> },
  holds: (...values: Values) => void
): void => it(name, () => FastCheck.assert(FastCheck.property<Values>(...arbitraries, holds), runs))

const make = (nodes: Graphs.Nodes): Dag.Dag => Result.getOrThrow(Dag.make(nodes))
const grow = (dag: Dag.Dag, nodes: Graphs.Nodes): Dag.Dag => Result.getOrThrow(Dag.grow(dag, nodes))
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

/** The same graph in Effect's terms, from what waits to what it waits for: self-dependencies and unknown names left out. */
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

/** All that can be read from a graph, for comparing. */
const picture = (dag: Dag.Dag) => ({
  ids: [...dag.ids],
  order: [...dag.order],
  dependencies: dag.ids.map((id) => Dag.dependenciesOf(dag, id)),
  dependents: dag.ids.map((id) => Dag.dependentsOf(dag, id)),
  layers: Dag.layers(dag),
  sources: Dag.sources(dag),
  sinks: Dag.sinks(dag)
})

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((total, number) => total + number, 0)

describe("a valid graph", () => {
  property("is read as it was declared, each dependency once", [Graphs.acyclic], (nodes) => {
    const dag = make(nodes)
    expect(dag.ids).toEqual(nodes.map(({ id }) => id))
    expect(dag.size).toBe(nodes.length)
    for (const { dependencies, id } of nodes) {
      expect(dag.ids[dag.indexOf(id)]).toBe(id)
      expect(Dag.dependenciesOf(dag, id)).toEqual([...new Set(dependencies)])
      expect(Dag.dependentsOf(dag, id)).toEqual(
        nodes.filter((other) => other.dependencies.includes(id)).map((other) => other.id)
      )
      expect([...dag.dependencies(dag.indexOf(id))]).toEqual(Dag.dependenciesOf(dag, id).map(dag.indexOf))
      expect([...dag.dependents(dag.indexOf(id))]).toEqual(Dag.dependentsOf(dag, id).map(dag.indexOf))
    }
    expect(Dag.sources(dag)).toEqual(nodes.filter(({ dependencies }) => dependencies.length === 0).map(({ id }) => id))
    expect(Dag.sinks(dag)).toEqual(dag.ids.filter((id) => Dag.dependentsOf(dag, id).length === 0))
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

  property("keeps the order of a declaration that is sorted", [Graphs.sorted], (nodes) => {
    expect([...make(nodes).order]).toEqual(nodes.map((_, index) => index))
  })

  it("pulls a task forward only for the first that needs it", () => {
    const dag = make(tasks({ report: "draft", gather: "", draft: "gather", extra: "" }))
    expect([...dag.order].map((index) => dag.ids[index])).toEqual(["gather", "draft", "report", "extra"])
  })

  it("may be empty", () => {
    const dag = make([])
    expect(picture(dag)).toEqual({
      ids: [],
      order: [],
      dependencies: [],
      dependents: [],
      layers: [],
      sources: [],
      sinks: []
    })
    expect(Dag.criticalPath(dag, () => 1)).toEqual({ length: 0, path: [] })
    expect(Dag.frontier(dag).unsettled).toBe(0)
  })

  it("says so when asked for a task it has not", () => {
    const dag = make(tasks({ a: "" }))
    expect(dag.indexOf("b")).toBe(-1)
    expect(() => Dag.dependenciesOf(dag, "b")).toThrow('No task has the id "b": the graph has 1 tasks.')
    expect(() => Dag.dependentsOf(dag, "b")).toThrow(RangeError)
    expect(() => Dag.reachable(dag, ["a", "b"])).toThrow(RangeError)
    for (const index of [-1, 1, Number.NaN]) {
      expect(() => dag.dependencies(index)).toThrow(RangeError)
      expect(() => dag.dependents(index)).toThrow(RangeError)
    }
  })
})

describe("a broken graph", () => {
  /** What must be told of the tasks, found by looking at each by itself; the cycles as the sets of tasks in them. */
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

  property("is told from a valid one", [Graphs.anything], (nodes) => {
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
      'Task "b" depends on "c", which is no task: add it or correct the name.',
      'Task "b" depends on itself: remove that dependency.',
      'The id "a" is given to more than one task: give each its own.',
      "Tasks wait for each other, each for the next: a -> b -> a. Remove one of these dependencies."
    ])
  })
})

describe("readiness", () => {
  /** What a frontier must say, kept the slow way. */
  const model = (nodes: Graphs.Nodes) => {
    const dependencies = dependenciesById(nodes)
    const settled = new Set<string>()
    const remaining = (id: string) => dependencies.get(id)!.filter((dependency) => !settled.has(dependency)).length
    const ready = () => nodes.map(({ id }) => id).filter((id) => !settled.has(id) && remaining(id) === 0)
    return { settled, remaining, ready }
  }

  const agree = (frontier: Dag.Frontier, nodes: Graphs.Nodes, state: ReturnType<typeof model>): void => {
    expect(frontier.ready()).toEqual(state.ready())
    expect(frontier.unsettled).toBe(nodes.length - state.settled.size)
    for (const { id } of nodes) {
      expect(frontier.remaining(id)).toBe(state.remaining(id))
      expect(frontier.isSettled(id)).toBe(state.settled.has(id))
    }
  }

  property(
    "comes to every task exactly once, after its dependencies, in any interleaving",
    [Graphs.acyclic, Graphs.schedule],
    (nodes, schedule) => {
      const frontier = Dag.frontier(make(nodes))
      const state = model(nodes)
      const decide = Graphs.deciding(schedule)
      const ready = [...frontier.ready()]
      const started = new Set(ready)
      while (state.settled.size < nodes.length) {
        agree(frontier, nodes, state)
        // Something can go on as long as anything is left, and what waits is the rest.
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
      agree(frontier, nodes, state)
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
        agree(frontier, nodes, state)
      }
    }
  )

  property(
    "does not depend on how settlements are batched",
    [Graphs.acyclic, Graphs.schedule, Graphs.schedule],
    (nodes, one, other) => {
      const dag = make(nodes)
      const run = (schedule: ReadonlyArray<number>) => {
        const frontier = Dag.frontier(dag)
        const decide = Graphs.deciding(schedule)
        const started: Array<string> = []
        const ready = [...frontier.ready()]
        while (ready.length > 0) {
          const batch = Array.from(
            { length: 1 + decide(ready.length) },
            () => ready.splice(decide(ready.length), 1)[0]!
          )
          started.push(...batch)
          ready.push(...frontier.settleAll(batch))
        }
        return started
      }
      expect(run(one).toSorted()).toEqual(run(other).toSorted())
      expect(run(one).toSorted()).toEqual(dag.ids.toSorted())
    }
  )

  property(
    "goes on through growth: added tasks may build on settled ones",
    [Graphs.sorted, Graphs.schedule],
    (nodes, schedule) => {
      const decide = Graphs.deciding(schedule)
      const first = decide(nodes.length + 1)
      let dag = make(nodes.slice(0, first))
      let known = first
      const frontier = Dag.frontier(dag)
      const state = model(nodes)
      const ready = [...frontier.ready()]
      const started = new Set(ready)
      while (known < nodes.length || ready.length > 0) {
        if (known < nodes.length && (ready.length === 0 || decide(3) === 0)) {
          const more = 1 + decide(nodes.length - known)
          dag = grow(dag, nodes.slice(known, known + more))
          const released = frontier.extend(dag)
          const added = nodes.slice(known, known + more).map(({ id }) => id)
          known += more
          expect(released).toEqual(state.ready().filter((id) => added.includes(id)))
          for (const id of released) {
            expect(started).not.toContain(id)
            started.add(id)
            ready.push(id)
          }
        } else {
          const [settling] = ready.splice(decide(ready.length), 1)
          state.settled.add(settling!)
          for (const id of frontier.settle(settling!)) {
            expect(started).not.toContain(id)
            started.add(id)
            ready.push(id)
          }
        }
        const now = nodes.slice(0, known)
        expect(frontier.ready()).toEqual(state.ready().filter((id) => dag.indexOf(id) !== -1))
        for (const { id } of now) expect(frontier.remaining(id)).toBe(state.remaining(id))
        expect(frontier.unsettled).toBe(known - state.settled.size)
      }
      expect(started.size).toBe(nodes.length)
    }
  )

  it("refuses ids it does not know", () => {
    const dag = make(tasks({ a: "" }))
    const frontier = Dag.frontier(dag)
    grow(dag, tasks({ b: "a" }))
    expect(() => frontier.settle("b")).toThrow('No task has the id "b": the graph has 1 tasks.')
    expect(() => frontier.remaining("b")).toThrow(RangeError)
    expect(() => frontier.isSettled("b")).toThrow(RangeError)
    expect(() => frontier.settleAll(["a", "b"])).toThrow('No task has the id "b"')
    expect(frontier.isSettled("a")).toBe(false)
    expect(frontier.settle("a")).toEqual([])
  })

  it("comes by settling together to no task of those", () => {
    const dag = make(tasks({ a: "", b: "a", c: "b", d: "c", e: "a" }))
    expect(Dag.frontier(dag).settleAll(["b", "a", "c", "c"])).toEqual(["e", "d"])
  })

  it("extends only to growths of its graph", () => {
    const dag = make(tasks({ a: "", b: "a" }))
    const grown = grow(dag, tasks({ c: "b" }))
    const forked = grow(dag, tasks({ d: "a" }))
    expect(Dag.frontier(dag).extend(dag)).toEqual([])
    expect(Dag.frontier(dag).extend(grown)).toEqual([])
    expect(Dag.frontier(dag).extend(forked)).toEqual([])
    const others = [
      dag,
      forked,
      make(tasks({ a: "", b: "a", x: "b" })),
      make(tasks({ a: "", b: "a", c: "a" })),
      make(tasks({ a: "", b: "", c: "a b" }))
    ]
    for (const other of others) {
      expect(() => Dag.frontier(grown).extend(other)).toThrow("no growth of the one of 3 tasks")
    }
    expect(Dag.frontier(grown).extend(make(tasks({ a: "", b: "a", c: "b", d: "" })))).toEqual(["d"])
  })
})

describe("what a failure takes with it", () => {
  property(
    "is what can be reached from it",
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

  property(
    "is exactly what never starts when it is skipped",
    [Graphs.acyclic.filter((nodes) => nodes.length > 0), Graphs.schedule],
    (nodes, schedule) => {
      const dag = make(nodes)
      const frontier = Dag.frontier(dag)
      const decide = Graphs.deciding(schedule)
      const failing = new Set(Array.from({ length: 1 + decide(2) }, () => dag.ids[decide(dag.size)]!))
      const started = new Set<string>()
      const skipped = new Set<string>()
      const failed: Array<string> = []
      const ready = [...frontier.ready()]
      while (ready.length > 0) {
        const [id] = ready.splice(decide(ready.length), 1)
        expect(skipped).not.toContain(id)
        started.add(id!)
        if (failing.has(id!)) {
          failed.push(id!)
          const lost = Dag.reachable(dag, [id!])
          for (const other of lost) skipped.add(other)
          expect(frontier.settleAll([id!, ...lost])).toEqual([])
        } else ready.push(...frontier.settle(id!))
      }
      expect(skipped).toEqual(Dag.reachable(dag, failed))
      expect([...started, ...skipped].toSorted()).toEqual([...dag.ids].toSorted())
      expect(frontier.unsettled).toBe(0)
    }
  )
})

describe("levels and paths", () => {
  property("puts a task one level below its lowest dependency", [Graphs.acyclic], (nodes) => {
    const dag = make(nodes)
    const level = Dag.levels(dag)
    for (let index = 0; index < dag.size; index++) {
      const above = [...dag.dependencies(index)].map((dependency) => level[dependency]!)
      expect(level[index]).toBe(above.length === 0 ? 0 : Math.max(...above) + 1)
    }
    const layers = Dag.layers(dag)
    expect(layers.flat().toSorted()).toEqual([...dag.ids].toSorted())
    layers.forEach((layer, depth) => expect(layer).toEqual(dag.ids.filter((_, index) => level[index] === depth)))
  })

  const durationsFor =
    (schedule: ReadonlyArray<number>): Dag.Weight =>
    (_, index) =>
      schedule[index % schedule.length] ?? 1

  property("weighs the heaviest way to a sink", [Graphs.acyclic, Graphs.schedule], (nodes, schedule) => {
    const dag = make(nodes)
    for (const weight of [undefined, durationsFor(schedule)]) {
      const longest = Dag.longestPathToSink(dag, weight)
      for (let index = 0; index < dag.size; index++) {
        const below = [...dag.dependents(index)].map((dependent) => longest[dependent]!)
        expect(longest[index]).toBe((weight?.(dag.ids[index]!, index) ?? 1) + Math.max(0, ...below))
      }
    }
  })

  property(
    "finds the path that a schedule without limits takes",
    [Graphs.acyclic, Graphs.schedule],
    (nodes, schedule) => {
      const dag = make(nodes)
      const duration = durationsFor(schedule)
      const finish = new Float64Array(dag.size)
      for (const index of dag.order) {
        const starts = Math.max(0, ...[...dag.dependencies(index)].map((dependency) => finish[dependency]!))
        finish[index] = starts + duration(dag.ids[index]!, index)
      }
      const { length, path } = Dag.criticalPath(dag, duration)
      expect(length).toBe(Math.max(0, ...finish))
      expect(sum(path.map((id) => duration(id, dag.indexOf(id))))).toBe(length)
      path.slice(1).forEach((id, step) => expect(Dag.dependenciesOf(dag, id)).toContain(path[step]))
      if (nodes.length > 0) {
        expect(Dag.sources(dag)).toContain(path[0])
        expect(Dag.sinks(dag)).toContain(path.at(-1))
      }
    }
  )

  it("finds it in a graph that is not series-parallel", () => {
    const dag = make(tasks({ a: "", b: "", c: "a", d: "a b", e: "c d" }))
    const durations: Record<string, number> = { a: 50, b: 200, c: 200, d: 50, e: 50 }
    expect(Dag.criticalPath(dag, (id) => durations[id]!)).toEqual({ length: 300, path: ["a", "c", "e"] })
    expect(Dag.layers(dag)).toEqual([["a", "b"], ["c", "d"], ["e"]])
    expect([...Dag.longestPathToSink(dag, (id) => durations[id]!)]).toEqual([300, 300, 250, 100, 50])
  })
})

describe("growth", () => {
  property("gives the graph that all the tasks together make", [Graphs.sorted, Graphs.schedule], (nodes, schedule) => {
    const decide = Graphs.deciding(schedule)
    const versions: Array<{ readonly dag: Dag.Dag; readonly size: number }> = [{ dag: make([]), size: 0 }]
    while (versions.at(-1)!.size < nodes.length) {
      const { dag, size } = versions.at(-1)!
      const more = 1 + decide(nodes.length - size)
      // A part need not be sorted in itself.
      const part = decide(2) === 0 ? nodes.slice(size, size + more) : nodes.slice(size, size + more).toReversed()
      versions.push({ dag: grow(dag, part), size: size + more })
    }
    const declared = versions.at(-1)!.dag.ids.map((id) => nodes.find((node) => node.id === id)!)
    // Every version still is what it was, whatever was added after it.
    for (const { dag, size } of versions) {
      expect(picture(dag)).toEqual(picture(make(declared.slice(0, size))))
      for (const { id } of declared.slice(size)) expect(dag.indexOf(id)).toBe(-1)
      expect(Dag.reachable(dag, dag.ids.slice(0, 1))).toEqual(
        Dag.reachable(make(declared.slice(0, size)), dag.ids.slice(0, 1))
      )
    }
  })

  property("may go two ways from one graph", [Graphs.sorted, Graphs.schedule], (nodes, schedule) => {
    const decide = Graphs.deciding(schedule)
    const common = decide(nodes.length + 1)
    const dag = make(nodes.slice(0, common))
    const one = nodes.slice(common)
    const other = one.map(({ dependencies, id }) => ({
      id: `${id}'`,
      dependencies: dependencies.map((dependency) => (dag.indexOf(dependency) === -1 ? `${dependency}'` : dependency))
    }))
    const left = grow(dag, one)
    const right = grow(dag, other)
    const before = picture(left)
    grow(right, tasks({ "one more": "" }))
    expect(picture(dag)).toEqual(picture(make(nodes.slice(0, common))))
    expect(picture(left)).toEqual(before)
    expect(picture(left)).toEqual(picture(make(nodes)))
    expect(picture(right)).toEqual(picture(make([...nodes.slice(0, common), ...other])))
  })

  property(
    "adds nothing when anything is wrong with what is added",
    [Graphs.sorted, Graphs.broken],
    (present, { nodes: added }) => {
      const dag = make(present)
      const fresh = added.map(({ dependencies, id }) => ({
        id: `+${id}`,
        dependencies: dependencies.map((dependency) => `+${dependency}`)
      }))
      // On names of their own, tasks have the same faults with and without the graph.
      expect(problemsOf(Dag.grow(dag, fresh))).toEqual(problemsOf(Dag.make(fresh)))
      expect(Result.isFailure(Dag.grow(dag, fresh))).toBe(true)
      expect(picture(dag)).toEqual(picture(make(present)))
      expect(picture(grow(dag, tasks({ "+": "" })))).toEqual(picture(make([...present, ...tasks({ "+": "" })])))
    }
  )

  it("refuses what is there already, and cycles among what is added", () => {
    const dag = make(tasks({ a: "", b: "a" }))
    expect(problemsOf(Dag.grow(dag, tasks({ a: "c", c: "d b", d: "c", e: "e f" })))).toEqual([
      { code: "duplicate-task", id: "a" },
      { code: "self-dependency", id: "e" },
      { code: "unknown-dependency", id: "e", dependency: "f" },
      { code: "cycle", path: ["c", "d", "c"] }
    ])
  })
})

describe("as a Mermaid flowchart", () => {
  property("can be read back", [Graphs.acyclic], (nodes) => {
    const lines = Dag.toMermaid(make(nodes)).trimEnd().split("\n")
    expect(lines.shift()).toBe("flowchart TD")
    const labels = new Map<string, string>()
    const read = new Map<string, Array<string>>()
    for (const line of lines) {
      const [, declared, label] = /^ {2}(t\d+)\["([^"<>&`\\]*)"\]$/.exec(line) ?? []
      const [, from, to] = /^ {2}(t\d+) --> (t\d+)$/.exec(line) ?? []
      if (declared !== undefined) {
        labels.set(
          declared,
          label!.replace(/#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
        )
        read.set(labels.get(declared)!, [])
      } else read.get(labels.get(to!)!)!.push(labels.get(from!)!)
    }
    expect(read).toEqual(dependenciesById(nodes))
  })

  it("is what one would write", () => {
    expect(Dag.toMermaid(make(tasks({ gather: "", write: "gather" })))).toBe(
      'flowchart TD\n  t0["gather"]\n  t1["write"]\n  t0 --> t1\n'
    )
  })
})

describe("size", () => {
  const size = 100_000

  /** Plans and walks; returns the ids in the order in which they became ready. */
  const plan = (nodes: Graphs.Nodes): ReadonlyArray<string> => {
    const dag = make(nodes)
    Dag.layers(dag)
    Dag.longestPathToSink(dag)
    const frontier = Dag.frontier(dag)
    const ready = [...frontier.ready()]
    for (let next = 0; next < ready.length; next++) for (const id of frontier.settle(ready[next]!)) ready.push(id)
    return ready
  }

  it("100,000 tasks in random layers are planned and walked in under a second", () => {
    const width = 100
    let state = 42
    const random = (below: number) => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) % below
    const nodes = Array.from({ length: size }, (_, task) => {
      const above = task - (task % width) - width
      const pick = () => `task-${above + random(width)}`
      return { id: `task-${task}`, dependencies: above < 0 ? [] : [pick(), pick(), pick()] }
    })
    const times = [1, 2, 3].map(() => {
      const start = performance.now()
      expect(plan(nodes)).toHaveLength(size)
      return performance.now() - start
    })
    expect(Math.min(...times)).toBeLessThan(1_000)
  })

  it("depth and width cost no stack", () => {
    const chain = Array.from({ length: size }, (_, task) => ({
      id: `${task}`,
      dependencies: task + 1 < size ? [`${task + 1}`] : []
    }))
    expect(plan(chain)[0]).toBe(`${size - 1}`)
    const dag = make(chain)
    expect(Dag.reachable(dag, [`${size - 1}`]).size).toBe(size - 1)
    expect(Dag.criticalPath(dag, () => 1).path).toHaveLength(size)

    const fan = [
      ...chain.map(({ id }) => ({ id, dependencies: [] })),
      { id: "all", dependencies: chain.map(({ id }) => id) }
    ]
    expect(plan(fan).at(-1)).toBe("all")
    expect(Dag.dependentsOf(make(fan), "0")).toEqual(["all"])

    const [cycle] = problemsOf(Dag.make([...chain.slice(0, -1), { id: `${size - 1}`, dependencies: ["0"] }]))
    expect(cycle).toMatchObject({ code: "cycle", path: { length: size + 1 } })
    const pairs = chain.map(({ id }, task) => ({ id, dependencies: [`${task ^ 1}`] }))
    expect(problemsOf(Dag.make(pairs))).toHaveLength(size / 2)
  })
})
