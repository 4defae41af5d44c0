/**
 * When a wait is satisfied, compared with an exhaustive search of the possible futures, for every
 * state of the awaited things.
 */
import { describe, expect, it } from "@effect/vitest"
import * as FastCheck from "fast-check"
import * as Wait from "../src/Wait.ts"
import * as Property from "./arbitrary/Property.ts"

const property = Property.test(2_000)

const tasks = ["a", "b", "c"]
const signals = ["x", "y"]
const timers = ["t", "u"]

/** The states, by id. */
type Stand = { readonly [id: string]: Wait.Standing }

const standing = FastCheck.constantFrom<Wait.Standing>("open", "come", "gone")
const stand: FastCheck.Arbitrary<Stand> = FastCheck.record(
  Object.fromEntries([...tasks, ...signals, ...timers].map((id) => [id, standing]))
)
const need: FastCheck.Arbitrary<Wait.Group["need"]> = FastCheck.oneof(
  FastCheck.constant("all" as const),
  FastCheck.integer({ min: 1, max: 6 })
)
const parts = { tasks: FastCheck.subarray(tasks), signals: FastCheck.subarray(signals), need }
const group: FastCheck.Arbitrary<Wait.Group> = FastCheck.record(
  { ...parts, timer: FastCheck.constantFrom(...timers) },
  { requiredKeys: ["tasks", "signals", "need"] }
)
const groups = FastCheck.array(group, { maxLength: 4 })

const of = (stand: Stand): Wait.Standings => ({ ofTask: (id) => stand[id]!, ofSignal: (id) => stand[id]! })
const partsOf = (group: Wait.Group): ReadonlyArray<string> => [...group.tasks, ...group.signals]

/** All possible futures of a group: open things arrive, or become impossible. */
const ends = (group: Wait.Group, stand: Stand): ReadonlyArray<Stand> =>
  partsOf(group).reduce<ReadonlyArray<Stand>>(
    (all, id) =>
      stand[id] === "open"
        ? all.flatMap((one) => [
            { ...one, [id]: "come" },
            { ...one, [id]: "gone" }
          ])
        : all,
    [stand]
  )
const come = (group: Wait.Group, stand: Stand): number => partsOf(group).filter((id) => stand[id] === "come").length

/** A group that waits for something besides time. */
const untimed: FastCheck.Arbitrary<Wait.Group> = FastCheck.record(parts).filter((group) => partsOf(group).length > 0)

describe("a group", () => {
  property(
    "of a need is met once no change can affect whether enough has arrived",
    [untimed, stand],
    (group, stand) => {
      const { need } = group
      const answers = new Set(ends(group, stand).map((end) => need !== "all" && come(group, end) >= need))
      const isOver = need === "all" ? ends(group, stand).length === 1 : answers.size === 1
      expect(Wait.isMet(group, of(stand))).toBe(isOver)
    }
  )

  property("stays met, whatever comes later", [group, stand, stand], (group, stand, later) => {
    if (!Wait.isMet(group, of(stand))) return
    const next = Object.fromEntries(Object.entries(stand).map(([id, one]) => [id, one === "open" ? later[id]! : one]))
    expect(Wait.isMet(group, of(next))).toBe(true)
  })

  property("is met at the latest when everything is settled", [untimed, stand], (group, stand) => {
    for (const end of ends(group, stand)) expect(Wait.isMet(group, of(end))).toBe(true)
  })

  property(
    "with a timer is met when it has elapsed, and before that like one without a timer",
    [untimed, stand],
    (group, stand) => {
      const timed = { ...group, timer: "t" }
      expect(Wait.isMet(timed, of({ ...stand, t: "come" }))).toBe(true)
      for (const t of ["open", "gone"] as const)
        expect(Wait.isMet(timed, of({ ...stand, t }))).toBe(Wait.isMet(group, of(stand)))
    }
  )

  const two: Wait.Group = { tasks: ["a", "b"], signals: [], need: 1 }
  it.each([
    ["one of two, and one has failed", two, { a: "gone", b: "open" }, false],
    ["one of two, and both have failed", two, { a: "gone", b: "gone" }, true],
    ["one of two, and one has completed", two, { a: "open", b: "come" }, true],
    ["two of two, and one has failed", { ...two, need: 2 }, { a: "gone", b: "open" }, true],
    ["all of two, and one has failed", { ...two, need: "all" }, { a: "gone", b: "open" }, false],
    ["more than there are", { ...two, need: 3 }, { a: "open", b: "open" }, true],
    ["nothing", { tasks: [], signals: [], need: "all" }, {}, true],
    ["time, which has not passed", { tasks: [], signals: [], need: "all", timer: "t" }, { t: "open" }, false],
    ["time, which has passed", { tasks: [], signals: [], need: "all", timer: "t" }, { t: "come" }, true],
    [
      "an answer or a task, and the ask was closed",
      { tasks: ["a"], signals: ["x"], need: 1 },
      { a: "open", x: "gone" },
      false
    ],
    [
      "an answer or a task, and the answer came",
      { tasks: ["a"], signals: ["x"], need: 1 },
      { a: "open", x: "come" },
      true
    ]
  ] as const)("that waits for %s", (_, group: Wait.Group, stand: Stand, isMet) => {
    expect(Wait.isMet(group, of(stand))).toBe(isMet)
  })
})

describe("a wait", () => {
  property("is satisfied when all of its groups are met", [groups, stand], (groups, stand) => {
    const met = groups.filter((group) => Wait.isMet(group, of(stand)))
    expect(Wait.isSatisfied({ groups }, of(stand))).toBe(met.length === groups.length)
  })

  it("for time alone is satisfied by nothing, and one for nothing immediately", () => {
    expect(Wait.isSatisfied({ groups: [], timeoutMillis: 5 }, of({}))).toBe(false)
    expect(Wait.isSatisfied({ groups: [] }, of({}))).toBe(true)
  })

  property("with groups ignores time", [groups, stand, FastCheck.nat()], (groups, stand, timeoutMillis) => {
    if (groups.length === 0) return
    expect(Wait.isSatisfied({ groups, timeoutMillis }, of(stand))).toBe(Wait.isSatisfied({ groups }, of(stand)))
  })

  property("has as open what is open in unsatisfied groups", [groups, stand], (groups, stand) => {
    const standings = of(stand)
    const open = Wait.openOf({ groups }, standings)
    expect(open.groups).toEqual(groups.filter((group) => !Wait.isMet(group, standings)))
    const openIn = (key: "tasks" | "signals") =>
      open.groups.flatMap((group) => group[key]).filter((id) => stand[id] === "open")
    expect([open.tasks, open.signals]).toEqual([openIn("tasks"), openIn("signals")])
    // A task that still waits waits for something: an open thing, or a timer.
    for (const group of open.groups)
      expect(partsOf(group).some((id) => stand[id] === "open") || group.timer !== undefined).toBe(true)
  })

  it("of one group states its need, and an empty one has none", () => {
    expect(Wait.of({ tasks: ["a"] })).toEqual({ groups: [{ tasks: ["a"], signals: [], need: "all" }] })
    expect(Wait.of({ signals: ["x"] }, { need: 1, timeoutMillis: 5 })).toEqual({
      groups: [{ tasks: [], signals: ["x"], need: 1 }],
      timeoutMillis: 5
    })
    expect(Wait.of({}, { timeoutMillis: 5 })).toEqual({ groups: [], timeoutMillis: 5 })
  })
})
