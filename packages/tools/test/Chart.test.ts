import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Parser } from "htmlparser2"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Chart from "../src/Chart.ts"
import * as Axis from "../src/Chart/Axis.ts"
import * as World from "./World.ts"

let world: World.World
const tool = Chart.make()
beforeAll(() => {
  world = World.make()
})
afterAll(() => world.remove())

/** The elements of a drawing by name; throws where tags do not close. */
const elements = (svg: string): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  const open: Array<string> = []
  const parser = new Parser(
    {
      onopentag: (name) => void (open.push(name), counts.set(name, (counts.get(name) ?? 0) + 1)),
      onclosetag: (name, isImplied) => {
        if (open.pop() !== name || (isImplied && svg.includes(`<${name}>`) && !svg.includes(`</${name}>`)))
          throw new Error(name)
      }
    },
    { xmlMode: true }
  )
  parser.end(svg)
  return counts
}
const draw = async (args: Parameters<World.World["call"]>[1]) => {
  const answer = await world.call(tool, { path: "c.svg", labels: ["a", "b", "c"], ...args })
  if (!answer.startsWith("Drew")) return answer
  return readFileSync(join(world.workspace, "c.svg"), "utf8")
}

describe("chart", () => {
  it("draws bars, lines with gaps, and pies", async () => {
    const bars = await draw({
      type: "bar",
      title: "Sales",
      series: [
        { name: "2024", values: [1, -2, 3] },
        { name: "2025", values: [2, null, 4] }
      ]
    })
    // The background, two keys and five bars.
    expect(elements(bars).get("rect")).toBe(8)
    expect(bars).toContain(">Sales</text>")
    const lines = await draw({ type: "line", series: [{ values: [1, null, 3] }] })
    expect(lines).toMatch(/<path d="M[\d. ]+M[\d. ]+"/)
    const pie = await draw({ type: "pie", series: [{ values: [1, 1, 2] }] })
    expect(pie).toContain("c 50.0 %")
  })

  it("escapes every text", async () => {
    const hostile = '</text><script>alert("x")</script>\u0000&'
    const svg = await draw({
      type: "bar",
      title: hostile,
      labels: [hostile, "b", "c"],
      series: [
        { name: hostile, values: [1, 2, 3] },
        { name: "n", values: [1, 2, 3] }
      ]
    })
    expect(elements(svg).has("script")).toBe(false)
    expect(svg).not.toContain("\u0000")
  })

  it.each([
    ["another ending", { type: "bar", path: "c.png", series: [{ values: [1, 2, 3] }] }, "must end in .svg"],
    ["uneven series", { type: "bar", series: [{ values: [1] }] }, "Series 1 has 1 values for 3 labels"],
    ["no series", { type: "line", series: [] }, "at least one label"],
    ["two series in a pie", { type: "pie", series: [{ values: [1, 2, 3] }, { values: [1, 2, 3] }] }, "one series"],
    ["a negative slice", { type: "pie", series: [{ values: [1, -2, 3] }] }, "must not be negative"],
    [
      "too many labels",
      { type: "bar", labels: Array(2_001).fill("x"), series: [{ values: Array(2_001).fill(1) }] },
      "aggregate"
    ],
    ["a path that leads out", { type: "bar", path: "../c.svg", series: [{ values: [1, 2, 3] }] }, "path-refused"]
  ])("refuses %s", async (_, args, message) => {
    expect(await draw(args)).toContain(message)
  })
})

describe("the axis", () => {
  it.each([
    [
      [0, 97],
      ["0", "20", "40", "60", "80", "100"]
    ],
    [
      [0.1, 0.35],
      ["0.0", "0.1", "0.2", "0.3", "0.4"]
    ],
    [
      [0, 2_400_000],
      ["0", "500k", "1.0M", "1.5M", "2.0M", "2.5M"]
    ],
    [
      [-5, 5],
      ["-6", "-4", "-2", "0", "2", "4", "6"]
    ],
    [
      [0, 0],
      ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
    ]
  ])("has round numbers for the range %j", (values, labels) => {
    const axis = Axis.of(values, true)
    expect(axis.ticks.map((tick) => Axis.label(tick, axis.step))).toEqual(labels)
  })
})
