import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { describe, expect, test } from "tstyche"
import { z } from "zod"
import * as Crew from "../src/Crew.ts"

const agents = { researcher: { role: "r", goal: "g" }, writer: { role: "r", goal: "g" } }
const task = { description: "d", expectedOutput: "e" }
const Report = Schema.Struct({ title: Schema.String, date: Schema.DateFromString })

declare const outputOf: <Output>(crew: Crew.Crew<Output>) => Output

describe("names", () => {
  const make = Crew.make

  test("of agents must exist", () => {
    expect(make).type.toBeCallableWith({ name: "x", agents, tasks: { a: { ...task, agent: "researcher" as const } } })
    // @ts-expect-error '"reseacher"' is not assignable to type '"researcher" | "writer"'
    make({ name: "x", agents, tasks: { a: { ...task, agent: "reseacher" } } })
  })

  test("of tasks must exist", () => {
    make({
      name: "x",
      agents,
      tasks: { a: task, b: { ...task, context: ["a"], dependsOn: ["a"], when: { task: "a", contains: "x" } } }
    })
    // @ts-expect-error '"aa"' is not assignable to type '"a"'
    make({ name: "x", agents, tasks: { a: task, b: { ...task, context: ["aa"] } } })
    // @ts-expect-error '"aa"' is not assignable to type '"a"'
    make({ name: "x", agents, tasks: { a: task, b: { ...task, dependsOn: ["a", "aa"] } } })
    // @ts-expect-error '"aa"' is not assignable to type '"a"'
    make({ name: "x", agents, tasks: { a: task, b: { ...task, when: { task: "aa", contains: "x" } } } })
  })

  test("of a task itself are refused", () => {
    // @ts-expect-error '"b"' is not assignable to type '"a"'
    make({ name: "x", agents, tasks: { a: task, b: { ...task, context: ["b"] } } })
  })

  test("of keys must be right", () => {
    // @ts-expect-error 'outptu' does not exist in type
    make({ name: "x", agents, tasks: { a: { description: "d", expectedOutput: "e", outptu: {} } } })
    // @ts-expect-error 'gaol' does not exist in type
    make({ name: "x", agents: { a: { role: "r", goal: "g", gaol: "" } }, tasks: { a: task } })
    // @ts-expect-error Property 'expectedOutput' is missing in type
    make({ name: "x", agents, tasks: { a: { description: "d" } } })
    make({
      name: "x",
      process: "hierarchical",
      agents,
      manager: { agent: "writer", allow: ["writer"] },
      tasks: { a: task }
    })
    // @ts-expect-error '"boss"' is not assignable to type '"researcher" | "writer" | undefined'
    make({ name: "x", agents, manager: { agent: "boss" }, tasks: { a: task } })
    // @ts-expect-error 'revew' does not exist in type
    make({ name: "x", agents, manager: { agent: "writer", revew: "all" }, tasks: { a: task } })
    // @ts-expect-error '"hierarchic"' is not assignable to type
    make({ name: "x", process: "hierarchic", agents, tasks: { a: task } })
  })
})

describe("the output of a crew", () => {
  test("is text without a schema", () => {
    expect(outputOf(Crew.make({ name: "x", agents, tasks: { a: task } }))).type.toBe<string>()
  })

  test("is what the schema of the final task decodes", () => {
    const final = <const Output>(output: Output & Schema.JsonObject) =>
      outputOf(Crew.make({ name: "x", agents, tasks: { a: { ...task, output } } }))
    expect(outputOf(Crew.make({ name: "x", agents, tasks: { a: { ...task, output: Report } } }))).type.toBe<{
      readonly title: string
      readonly date: Date
    }>()
    expect(
      outputOf(
        Crew.make({ name: "x", agents, tasks: { a: { ...task, output: z.object({ n: z.number().default(1) }) } } })
      )
    ).type.toBe<{ n: number }>()
    expect(
      outputOf(
        Crew.make({
          name: "x",
          agents,
          tasks: { a: { ...task, output: { schema: z.date(), jsonSchema: { type: "string" } } } }
        })
      )
    ).type.toBe<Date>()
    expect(final({ type: "object" })).type.toBe<Schema.Json>()
  })

  test("is that of the task that nothing depends on, however it is depended on", () => {
    const crew = Crew.make({
      name: "x",
      agents,
      tasks: {
        read: { ...task, output: Report },
        check: { ...task, output: z.boolean(), context: ["read"] },
        order: { ...task, dependsOn: ["check"] },
        last: { ...task, output: z.number(), when: { task: "order", contains: "x" } }
      }
    })
    expect(outputOf(crew)).type.toBe<number>()
  })

  test("is an object of several by name", () => {
    const crew = Crew.make({
      name: "x",
      agents,
      tasks: { first: task, a: { ...task, output: z.number(), context: ["first"] }, b: { ...task, context: ["first"] } }
    })
    expect(outputOf(crew)).type.toBe<{ readonly a: number; readonly b: string }>()
  })

  test("is what the manager writes, where it does", () => {
    const tasks = { a: { ...task, output: z.number() }, b: task }
    const accepted = Crew.make({ name: "x", agents, acceptance: ["It is short."], tasks })
    expect(outputOf(accepted)).type.toBe<string>()
    expect(outputOf(Crew.make({ name: "x", agents, acceptance: [], tasks }))).type.toBe<{
      readonly a: number
      readonly b: string
    }>()
    expect(outputOf(Crew.make({ name: "x", agents, synthesis: true, tasks }))).type.toBe<string>()
    expect(outputOf(Crew.make({ name: "x", agents, synthesis: { description: "d" }, tasks }))).type.toBe<string>()
    const output = { type: "object" } as const
    expect(outputOf(Crew.make({ name: "x", agents, synthesis: { output }, tasks }))).type.toBe<Schema.Json>()
    const one = Crew.make({ name: "x", agents, acceptance: ["It is short."], tasks: { a: tasks.a } })
    expect(outputOf(one)).type.toBe<number>()
  })

  test("of a sequential crew is one of the outputs that no task names", () => {
    const crew = Crew.make({
      name: "x",
      process: "sequential",
      agents,
      tasks: { a: { ...task, output: z.number() }, b: task }
    })
    expect(outputOf(crew)).type.toBe<string | number>()
    const named = Crew.make({
      name: "x",
      process: "sequential",
      agents,
      tasks: { a: { ...task, output: z.number() }, b: { ...task, context: ["a"] } }
    })
    expect(outputOf(named)).type.toBe<string>()
  })

  test("counts a name chosen at run time as all it may be", () => {
    const chosen = Math.random() > 0.5 ? "a" : "b"
    const crew = Crew.make({
      name: "x",
      agents,
      tasks: { a: task, b: task, c: { ...task, output: z.number(), context: [chosen] } }
    })
    expect(outputOf(crew)).type.toBe<number>()
  })

  test("is covariant", () => {
    expect<Crew.Crew<string>>().type.toBeAssignableTo<Crew.Crew<Schema.Json>>()
    expect<Crew.Crew<Schema.Json>>().type.not.toBeAssignableTo<Crew.Crew<string>>()
    expect<Crew.Crew<Date>>().type.toBeAssignableTo<Crew.Crew<unknown>>()
  })
})

describe("functions", () => {
  test("of a guardrail know the output of their task", () => {
    Crew.make({
      name: "x",
      agents,
      tasks: {
        effect: {
          ...task,
          output: Report,
          guardrails: [
            (output) => {
              expect(output).type.toBe<{ readonly title: string; readonly date: Date }>()
              return true
            }
          ]
        },
        zod: {
          ...task,
          output: z.number(),
          guardrails: [
            "sentence",
            async (output, { inputs }) => {
              expect(output).type.toBe<number>()
              expect(inputs).type.toBe<{ readonly [name: string]: Schema.Json }>()
              return "no"
            }
          ]
        },
        text: {
          ...task,
          guardrails: [
            (output) => {
              expect(output).type.toBe<string>()
              return Effect.succeed(true as const)
            }
          ]
        }
      }
    })
  })

  test("of a condition know the output of the task that they look at", () => {
    Crew.make({
      name: "x",
      agents,
      tasks: {
        number: { ...task, output: z.number() },
        text: task,
        a: {
          ...task,
          when: {
            task: "number",
            test: (output) => {
              expect(output).type.toBe<number>()
              return true
            }
          }
        },
        b: {
          ...task,
          context: ["number"],
          when: {
            task: "text",
            test: (output) => {
              expect(output).type.toBe<string>()
              return Effect.succeed(false)
            }
          }
        }
      }
    })
  })

  test("that expect another output are refused", () => {
    // @ts-expect-error Type 'string' is not assignable to type 'number'
    Crew.make({ name: "x", agents, tasks: { a: { ...task, guardrails: [(output: number) => output > 1 || "no"] } } })
    // @ts-expect-error is not assignable to type
    Crew.make({ name: "x", agents, tasks: { a: { ...task, guardrails: [() => false] } } })
  })
})

test("a schema that needs services to decode is refused", () => {
  interface Database {
    readonly name: string
  }
  const needy = Schema.String as Schema.Codec<string, string, Database>
  // @ts-expect-error is not assignable to type
  Crew.make({ name: "x", agents, tasks: { a: { ...task, output: needy } } })
})
