import { describe, expect, it } from "vitest"
import { Coworkers } from "../../src/Manager.ts"
import * as World from "../fake/World.ts"

const agent = (role: string) => ({ role, goal: "g", backstory: "" })
const plan = World.plan(
  {},
  {
    agents: {
      researcher: agent("Senior Research Analyst"),
      writer_1: agent("Writer"),
      writer_2: agent("Writer"),
      qa: agent("Quality  Assurance Engineer"),
      "lead-editor": agent("Editor in chief"),
      sales: agent("Travel Agent"),
      guide: agent("Travel Writer for the Agent"),
      "…": agent("—"),
      straße: agent("Café")
    }
  }
)

describe("a coworker named by a model", () => {
  it.each([
    ["researcher", "researcher"],
    ["Researcher", "researcher"],
    ['"Researcher"', "researcher"],
    [" the researcher agent\n", "researcher"],
    ["senior  research analyst", "researcher"],
    ["[Senior Research Analyst]", "researcher"],
    ["Research Analyst", "researcher"],
    ["quality assurance engineer", "qa"],
    ["Quality-Assurance", "qa"],
    ["lead editor", "lead-editor"],
    ["Writer 1", "writer_1"],
    ["Editor", "lead-editor"],
    ["`researcher`", "researcher"],
    ["re\u200bsearcher\u00ad", "researcher"],
    ["Travel Agent", "sales"],
    ["the travel agent", "sales"],
    ["travel agent agent", "sales"],
    ["guide: Travel Writer for the Agent", "guide"],
    ["writer_1 (Writer)", "writer_1"],
    ["STRASSE", "straße"],
    ["CAFE\u0301", "straße"],
    ["…", "…"]
  ])("%j is found", (named, name) => {
    expect(Coworkers.match(plan, named)).toEqual({ _tag: "Found", name })
  })

  it("is distinguished by name if several have the same role", () => {
    expect(Coworkers.match(plan, "writer")).toEqual({ _tag: "Ambiguous", names: ["writer_1", "writer_2"] })
  })

  it.each([
    ["reseacher", "researcher"],
    ["plumber", undefined],
    ["", undefined],
    ["  ", undefined],
    ["an", undefined],
    ["constructor", undefined],
    ["__proto__", undefined],
    ["?!", undefined],
    ["trаvel agent with a Cyrillic letter", undefined]
  ])("%j is unknown, and is not guessed", (named, suggestion) => {
    expect(Coworkers.match(plan, named)).toEqual({ _tag: "Unknown", suggestion })
  })
})

it("are all agents except those that wait for the work", () => {
  expect(Coworkers.of(plan, ["qa", "researcher"]).map(({ name }) => name)).toEqual([
    "writer_1",
    "writer_2",
    "lead-editor",
    "sales",
    "guide",
    "…",
    "straße"
  ])
})
