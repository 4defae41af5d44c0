/**
 * What a model answers is what the crew becomes: changing one answer changes that part of the crew.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Crew from "../../src/Crew.ts"
import * as Generator from "../../src/Generator.ts"
import * as Scripted from "./Scripted.ts"

const goals = [
  "Compare three suppliers",
  "Plan a conference",
  "Summarise a contract",
  "Write release notes",
  "Explain an incident",
  "Translate a manual",
  "Review a pull request",
  "Draft a grant proposal",
  "Prepare a lesson",
  "Research a competitor",
  "Rank job applications",
  "Check a budget",
  "Describe a data set",
  "Answer a complaint",
  "Write a product page",
  "Design a survey",
  "Collect citations",
  "Outline a book",
  "Schedule a migration",
  "Assess a risk"
]

/** A chain of this many tasks, the first of which the goal names. */
const chain = (count: number, first: string) =>
  Array.from({ length: count }, (_, index) =>
    Scripted.task(index === 0 ? first : `step_${index}`, {
      ...(index === 0 ? {} : { reads: [index === 1 ? `${first}_output` : `step_${index - 1}_output`] }),
      ...(index === count - 1 ? { produces: "report" } : {})
    })
  )

const { generate, layer } = Scripted.make()

describe("twenty goals", () => {
  for (const [index, goal] of goals.entries())
    it.live(
      goal,
      () =>
        Effect.gen(function* () {
          const first = goal.toLowerCase().replaceAll(" ", "_")
          const count = 1 + (index % 4)
          const decomposition = { ...Scripted.decomposition, tasks: chain(count, first) }
          const tools = (...names: ReadonlyArray<string>) => ({
            tasks: [{ task: first, tools: names, reason: `For ${goal}.` }]
          })
          const organisation = { ...Scripted.oneAgent, reason: `One agent suffices: ${goal}.` }
          const script = { organisation, decomposition, tools: tools("web_search") }
          const of = (changed: Scripted.Script) =>
            Effect.map(generate({ ...script, ...changed }, { goal }), ({ generated }) => {
              expect(generated.problems).toEqual([])
              return { generated, crew: Result.getOrThrow(Crew.fromJson(generated.crew)).definition }
            })
          const base = yield* of({})
          expect(base.generated.goal).toBe(goal)
          expect(Object.keys(base.crew.tasks)).toHaveLength(count)
          expect(base.crew.tasks[first]!.tools).toEqual(["web_search"])

          const longer = yield* of({ decomposition: { ...decomposition, tasks: chain(count + 1, first) } })
          expect(Object.keys(longer.crew.tasks)).toHaveLength(count + 1)
          expect(longer.generated.estimate!.seconds.likely).toBeGreaterThan(base.generated.estimate!.seconds.likely)

          const other = yield* of({ tools: tools("file_read", "web_search") })
          expect(other.crew.tasks[first]!.tools).toEqual(["file_read", "web_search"])
          expect({ ...other.crew, tasks: {} }).toEqual({ ...base.crew, tasks: {} })

          const reasoned = yield* of({ organisation: { ...organisation, reason: "Another reason." } })
          expect(reasoned.crew).toEqual(base.crew)
          const reason = ({ rationale }: Generator.Generated) =>
            rationale.find(({ about }) => about === "organisation")!.reason
          expect(reason(base.generated)).toBe(`One agent suffices: ${goal}.`)
          expect(reason(reasoned.generated)).toBe("Another reason.")
        }).pipe(Effect.provide(layer)),
      120_000
    )
})
