/** What the types of this package say: those of `@crewline/core`, without Effect in sight. */
import type * as CoreCrew from "@crewline/core/Crew"
import * as Schema from "effect/Schema"
import { expect, test } from "tstyche"
import { z } from "zod"
import { client, Crew, ExecutionFailed, run, Tool } from "../src/index.ts"

const agents = { clerk: { role: "Clerk", goal: "Make no mistakes" } }
const task = { description: "d", expectedOutput: "e" }

test("output has the type of the final task", async () => {
  const order = z.object({ article: z.string(), pieces: z.number() })
  const zod = Crew.make({ name: "x", agents, tasks: { a: task, b: { ...task, context: ["a"], output: order } } })
  expect((await run(zod)).output).type.toBe<{ article: string; pieces: number }>()

  const effect = Crew.make({
    name: "x",
    agents,
    tasks: { a: { ...task, output: Schema.Struct({ at: Schema.DateFromString }) } }
  })
  expect((await run(effect)).output).type.toBe<{ readonly at: Date }>()

  const text = Crew.make({ name: "x", agents, tasks: { a: task } })
  expect((await run(text)).output).type.toBe<string>()

  const several = Crew.make({ name: "x", agents, tasks: { a: task, b: { ...task, output: order } } })
  expect((await run(several)).output).type.toBe<{
    readonly a: string
    readonly b: { article: string; pieces: number }
  }>()
})

test("so have the results of a client, whatever way an execution came to it", async () => {
  const crew = Crew.make({ name: "x", agents, tasks: { a: { ...task, output: z.object({ n: z.number() }) } } })
  await using crewline = await client()
  expect((await crewline.run(crew)).output).type.toBe<{ n: number }>()
  expect((await (await crewline.start(crew)).result).output).type.toBe<{ n: number }>()
  expect((await (await crewline.adopt("id", crew)).result).output).type.toBe<{ n: number }>()
  expect((await (await crewline.retry("id", crew)).result).output).type.toBe<{ n: number }>()
  expect((await (await crewline.adopt("id")).result).output).type.toBe<Schema.Json>()
})

test("names must exist", () => {
  // @ts-expect-error '"clark"' is not assignable to type '"clerk"'
  Crew.make({ name: "x", agents, tasks: { a: { ...task, agent: "clark" } } })
  // @ts-expect-error '"aa"' is not assignable to type '"a"'
  Crew.make({ name: "x", agents, tasks: { a: task, b: { ...task, context: ["aa"] } } })
})

test("the function of a tool has the type of its parameters", () => {
  Tool.make({
    name: "t",
    description: "d",
    parameters: z.object({ city: z.string(), days: z.number().default(3) }),
    execute: (args, { signal }) => {
      expect(args).type.toBe<{ city: string; days: number }>()
      expect(signal).type.toBe<AbortSignal>()
    }
  })
  // @ts-expect-error is not assignable
  Tool.make({ name: "t", description: "d", execute: () => new Map() })
})

test("crews of @crewline/core run too", async () => {
  const crew = {} as CoreCrew.Crew<{ readonly n: number }>
  expect((await run(crew)).output).type.toBe<{ readonly n: number }>()
  expect(await Crew.toCore(Crew.make({ name: "x", agents, tasks: { a: task } }))).type.toBe<CoreCrew.Crew<string>>()
})

test("instanceof narrows errors of the engine", () => {
  const error: unknown = undefined
  if (error instanceof ExecutionFailed) expect(error.status).type.toBe<"failed" | "cancelled">()
})
