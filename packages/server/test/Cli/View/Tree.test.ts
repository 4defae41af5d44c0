import { describe, expect, it } from "@effect/vitest"
import fc from "fast-check"
import * as Tree from "../../../src/Cli/View/Tree.ts"

const draw = (nodes: Record<string, ReadonlyArray<string>>) =>
  Tree.rows(Object.entries(nodes).map(([id, needs]) => ({ id, needs }))).map(({ branch, id }) => branch + id)

/** Acyclic graphs: a node needs only nodes before it. */
const graph = fc.array(fc.array(fc.nat(), { maxLength: 4 }), { maxLength: 25 }).map((lists) =>
  lists.map((needs, index) => ({
    id: `n${index}`,
    needs: index === 0 ? [] : needs.map((need) => `n${need % index}`)
  }))
)

/** Reconstructs the tree from the drawing. */
const parents = (rows: ReadonlyArray<Tree.Row>) => {
  const path: Array<string> = []
  return new Map(
    rows.map(({ branch, id }) => {
      const depth = branch.length / 3
      const parent = depth === 0 ? undefined : path[depth - 1]
      path.splice(depth, path.length, id)
      return [id, parent] as const
    })
  )
}

/** Oracle by definition: does every path from the root to `id` contain `through`? */
const everyWayThrough = (nodes: ReadonlyArray<Tree.Node>, id: string, through: string): boolean => {
  const needs = new Map(nodes.map((node) => [node.id, node.needs]))
  const avoids = (node: string): boolean => {
    if (node === through) return false
    const before = needs.get(node) ?? []
    return before.length === 0 || before.some(avoids)
  }
  return !avoids(id)
}

describe("Tree", () => {
  it("keeps a chain flat", () => {
    expect(draw({ gather: [], write: ["gather"], check: ["write"] })).toEqual(["gather", "write", "check"])
  })

  it("puts spawned tasks below their task and before its dependents, for any dependencies of theirs", () => {
    const nodes: ReadonlyArray<Tree.Node> = [
      { id: "gather", needs: [] },
      { id: "write", needs: ["gather"] },
      { id: "check", needs: ["write"] },
      { id: "one", needs: ["gather"], parent: "write" },
      { id: "two", needs: ["one"], parent: "write" },
      { id: "deep", needs: [], parent: "one" }
    ]
    const drawn = Tree.rows(nodes).map(({ branch, id }) => branch + id)
    expect(drawn).toEqual(["gather", "write", "├─ one", "│  └─ deep", "└─ two", "check"])
    // Even a single one, which a chain would keep flat.
    const single = Tree.rows([
      { id: "a", needs: [] },
      { id: "b", needs: ["a"], parent: "a" }
    ])
    expect(single.map(({ branch, id }) => branch + id)).toEqual(["a", "└─ b"])
  })

  it("puts a diamond below the task where it begins", () => {
    expect(draw({ read: [], left: ["read"], right: ["read"], report: ["left", "right"] })).toEqual([
      "read",
      "├─ left",
      "├─ right",
      "└─ report"
    ])
  })

  it("is correct for a graph that is not series-parallel", () => {
    expect(draw({ a: [], b: [], c: ["a"], d: ["a", "b"], e: ["c", "d"] })).toEqual(["a", "└─ c", "b", "d", "e"])
  })

  it("shows every task once, none before its dependencies, and below a task only those it dominates", () => {
    fc.assert(
      fc.property(graph, (nodes) => {
        const rows = Tree.rows(nodes)
        expect(rows.map(({ id }) => id).toSorted()).toEqual(nodes.map(({ id }) => id).toSorted())
        const lies = [...parents(rows)].filter(
          ([id, parent]) => parent !== undefined && !everyWayThrough(nodes, id, parent)
        )
        expect(lies).toEqual([])
      }),
      { numRuns: 1000 }
    )
  })

  it("draws a chain of 20,000 tasks without overflowing the stack", () => {
    const nodes = Array.from({ length: 20_000 }, (_, index) => ({
      id: `n${index}`,
      needs: index === 0 ? [] : [`n${index - 1}`]
    }))
    expect(Tree.rows(nodes)).toHaveLength(20_000)
  })
})
