/** Inputs that slow down parsers and validators that rescan something for each error. */
import * as Crew from "@crewline/core/Crew"
import * as CrewFile from "@crewline/core/CrewFile"
import * as Dag from "@crewline/core/Dag"
import * as JsonSchemaValidator from "@crewline/core/JsonSchemaValidator"
import * as Plan from "@crewline/core/Plan"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import { ProviderBody } from "../packages/server/src/Api/ProviderBody.ts"
import * as Json from "../packages/server/src/Http/Json.ts"
import * as RequestBody from "../packages/server/src/Http/RequestBody.ts"

export interface HostileInput {
  readonly name: string
  /** Processes the input of this size; returns the reported problems. */
  readonly run: (size: number) => unknown
}

const times = (size: number, line: (index: number) => string): string =>
  Array.from({ length: size }, (_, i) => line(i)).join("")

const byName = <A>(size: number, value: (index: number) => A, prefix = "k"): { readonly [name: string]: A } =>
  Object.fromEntries(Array.from({ length: size }, (_, index) => [`${prefix}${index}`, value(index)]))

let unseenSources = 0
/** A new pattern, because the last hundred are cached. */
const unseen = (source: string): string => `${source}${unseenSources++}k`

const agent = { role: "Writer", goal: "Write" }
const task = { description: "Write.", expectedOutput: "Text." }
const crew = { name: "hostile", agents: { a: agent }, tasks: { t: task } }

const failure = <E extends { readonly message: string }>(result: Result.Result<unknown, E>): unknown =>
  Result.isFailure(result) ? { ...result.failure, message: result.failure.message } : undefined

const yaml = (name: string, text: (size: number) => string): HostileInput => ({
  name: `YAML: ${name}`,
  run: (size) => failure(CrewFile.parse(text(size)))
})

const json = (name: string, value: (size: number) => unknown): HostileInput => ({
  name: `JSON: ${name}`,
  run: (size) => failure(Crew.fromJson(value(size)))
})

const jsonText = (name: string, value: (size: number) => unknown): HostileInput => ({
  name: `JSON as text: ${name}`,
  run: (size) => failure(CrewFile.parse(JSON.stringify(value(size)), { plan: { tools: [] } }))
})

/** The JSON body of a request: reports repeated keys with their positions. */
const body = (name: string, text: (size: number) => string): HostileInput => ({
  name: `body: ${name}`,
  run: (size) => {
    const parsed = Result.getOrThrow(Json.parse(text(size)))
    const errors = parsed.duplicates.map((duplicate) => {
      const { code, message, path } = RequestBody.duplicateError(duplicate)
      return { code, message, path }
    })
    return RequestBody.invalid(RequestBody.locate(parsed, errors), parsed.moreDuplicates)
  }
})

/** The JSON body of a request: reports problems of its fields. */
const fields = (name: string, form: Schema.Codec<unknown, unknown>, value: (size: number) => unknown): HostileInput => {
  const decode = RequestBody.decoder(form)
  return {
    name: `fields: ${name}`,
    run: (size) => Effect.runSyncExit(decode(Result.getOrThrow(Json.parse(JSON.stringify(value(size))))))
  }
}

const schema = (name: string, value: (size: number) => object): HostileInput => ({
  name: `schema: ${name}`,
  run: (size) => JsonSchemaValidator.check(value(size))
})

const validation = (
  name: string,
  value: (size: number) => readonly [schema: object, value: unknown]
): HostileInput => ({
  name: `validation: ${name}`,
  run: (size) => {
    const [declared, given] = value(size)
    return JsonSchemaValidator.make(declared as Record<string, unknown>).validate(given)
  }
})

const plan = (
  name: string,
  value: (size: number) => readonly [crew: unknown, options: Plan.MakeOptions]
): HostileInput => ({
  name: `plan: ${name}`,
  run: (size) => {
    const [definition, options] = value(size)
    return failure(Result.flatMap(Crew.fromJson(definition), (made) => Plan.make(made, options)))
  }
})

const graph = (name: string, nodes: (size: number) => ReadonlyArray<Dag.Node>): HostileInput => ({
  name: `graph: ${name}`,
  run: (size) => {
    const dag = Result.getOrThrow(Dag.make(nodes(size)))
    Dag.longestPathToSink(dag)
    const frontier = Dag.frontier(dag)
    const ready = [...frontier.ready()]
    for (let next = 0; next < ready.length; next++) ready.push(...frontier.settle(ready[next]!))
    return ready.length === size ? undefined : "not all became ready"
  }
})

const head = "name: x\nagents: { a: { role: r, goal: g } }\n"
const tasks = `${head}tasks:\n`

/** Three in each layer, each of which waits for all of the layer above. */
const layers = (size: number): ReadonlyArray<Dag.Node> =>
  Array.from({ length: size }, (_, index) => {
    const above = index - (index % 3) - 3
    return { id: `t${index}`, dependencies: above < 0 ? [] : [above, above + 1, above + 2].map((one) => `t${one}`) }
  })

export const all: ReadonlyArray<HostileInput> = [
  yaml("keys twice", (size) => `${head}tasks:\n  t:\n${times(size, () => "    description: d\n")}`),
  yaml("keys twice on one line", (size) => `${head}tasks: { t: { ${times(size, () => "description: d, ")} } }`),
  yaml("unknown keys", (size) => `${head}tasks:\n  t:\n    description: d\n${times(size, (i) => `    u${i}: 1\n`)}`),
  yaml("unknown keys at the top", (size) => `${head}${times(size, (i) => `u${i}: 1\n`)}`),
  yaml("aliases", (size) => `${head}x:\n${times(size, (i) => `- &a${i} x\n- *a${i}\n`)}`),
  yaml("aliases of nothing", (size) => `${head}x:\n${times(size, (i) => `- *a${i}\n`)}`),
  yaml(
    "an alias of what contains it",
    (size) => `&a\nname: x\nagents: *a\ntasks: *a\n${times(size, (i) => `u${i}: *a\n`)}`
  ),
  yaml(
    "merges of merges",
    (size) =>
      `${head}tasks:\n  t0: &t0 { description: d }\n${times(size, (i) => `  t${i + 1}: &t${i + 1} { <<: *t${i}, u: 1 }\n`)}`
  ),
  yaml("brackets", (size) => "[".repeat(size)),
  yaml("brackets that close", (size) => `x: ${"[".repeat(size)}${"]".repeat(size)}`),
  yaml("mistakes of syntax", (size) => times(size, (i) => `k${i}: a: b\n`)),
  yaml(
    "tasks that are wrong",
    (size) => tasks + times(size, (i) => `  t${i}: { description: "", agent: b, context: [z${i}] }\n`)
  ),
  yaml(
    "tasks that wait for each other",
    (size) =>
      tasks +
      times(size, (i) => `  t${i}: { description: d, expectedOutput: e, context: [t${i % 2 === 0 ? i + 1 : i - 1}] }\n`)
  ),
  yaml(
    "a long circle of tasks",
    (size) =>
      tasks + times(size, (i) => `  t${i}: { description: d, expectedOutput: e, context: [t${(i + 1) % size}] }\n`)
  ),
  yaml("lines without a crew", (size) => times(size, (i) => `line ${i}\n`)),
  json("unknown keys", (size) => ({ ...crew, tasks: { t: { ...task, ...byName(size, () => 1) } } })),
  json("unknown keys under a long name", (size) => ({
    ...crew,
    tasks: { ["n".repeat(size * 10)]: { ...task, ...byName(size, () => 1) } }
  })),
  json("invalid names", (size) => ({ ...crew, tasks: byName(size, () => task, "-") })),
  json("a list of one name", (size) => ({
    ...crew,
    tasks: Array.from({ length: size }, () => ({ name: "t", ...task }))
  })),
  json("deep lists of deep lists", (size) => {
    const deep = `${"[".repeat(198)}${times(size, () => "[[[]]],")}0${"]".repeat(198)}`
    return { ...crew, inputs: { i: { default: JSON.parse(deep) } } }
  }),
  json("wrong types everywhere", (size) => ({
    ...crew,
    tasks: byName(size, () => ({ ...task, context: [1, {}], retry: 7 }))
  })),
  json("names that are nearly right", (size) => ({
    ...crew,
    agents: byName(size, () => agent, "a_name_of_an_agent_that_is_as_long_as_names_are_compared_"),
    tasks: byName(size, (i) => ({ ...task, agent: `b_name_of_an_agent_that_is_as_long_as_names_are_compared_${i}` }))
  })),
  json("output schemas that are wrong", (size) => ({
    ...crew,
    tasks: { t: { ...task, output: { properties: byName(size, () => 1) } } }
  })),
  jsonText("unknown keys", (size) => ({ ...crew, tasks: { t: { ...task, ...byName(size, () => 1) } } })),
  jsonText("tools that do not exist", (size) => ({
    ...crew,
    tasks: byName(size, (i) => ({ ...task, tools: [`x${i}`] }), "t")
  })),
  body("one key again and again", (size) => `{${times(size, () => '"a": 1, ')}"b": 1}`),
  body("every key twice", (size) => `{${times(size * 2, (i) => `"k${i % size}": 1, `)}"b": 1}`),
  body("a key twice in each object", (size) => `[${times(size, () => '{"a": 1, "a": 2},')}0]`),
  body(
    "a key twice on each level",
    (size) => `[${times(size, () => `${'{"a": 1, "a": '.repeat(9)}0${"}".repeat(9)},`)}0]`
  ),
  fields("unknown keys", ProviderBody, (size) => byName(size, () => 1)),
  fields("items that are wrong", ProviderBody, (size) => ({ models: Array.from({ length: size }, () => " ") })),
  schema("patterns that are too large", (size) => ({
    patternProperties: byName(size, () => true, unseen("(a{999}){9}"))
  })),
  schema("patterns of many steps", (size) => ({ patternProperties: byName(size, () => true, unseen("(a{99}){9}")) })),
  schema("references from one to the next", (size) => ({
    $ref: "#/$defs/k0",
    $defs: byName(size, (i) => ({ $ref: `#/$defs/k${(i + 1) % size}` }))
  })),
  schema("references to nothing", (size) => ({ properties: byName(size, (i) => ({ $ref: `#/nothing/${i}` })) })),
  schema("identifiers that are the same", (size) => ({
    properties: byName(size, () => ({ $id: "https://example.com/" }))
  })),
  schema("keywords that are wrong", (size) => ({ properties: byName(size, () => ({ type: "text", minLength: -1 })) })),
  schema("long names", (size) => ({ properties: { ["n".repeat(size * 10)]: { properties: byName(size, () => 1) } } })),
  validation("properties that are wrong", (size) => [
    { additionalProperties: { type: "string" } },
    byName(size, () => 1)
  ]),
  validation("items that are equal in no pair", (size) => [
    { uniqueItems: true },
    Array.from({ length: size }, (_, id) => ({ id }))
  ]),
  validation("many values of an enum", (size) => [
    { items: { enum: Array.from({ length: 50 }, (_, i) => ({ i })) } },
    Array.from({ length: size }, () => ({ i: 50 }))
  ]),
  validation("one of several forms", (size) => [
    { items: { anyOf: [{ type: "string" }, { properties: { a: { type: "string" } } }, { $ref: "#/items/anyOf/1" }] } },
    Array.from({ length: size }, () => ({ a: 1 }))
  ]),
  validation("properties without an owner", (size) => [
    { allOf: [{ properties: byName(size, () => true) }], unevaluatedProperties: false },
    byName(size, () => 1, "x")
  ]),
  plan("inputs that are missing, and others", (size) => [
    { ...crew, tasks: { t: { ...task, description: times(size, (i) => `{in${i}} `) } } },
    { inputs: byName(size, () => "x", "other") }
  ]),
  plan("braces", (size) => [
    { ...crew, tasks: { t: { ...task, description: "{a".repeat(size) + "{".repeat(size) } } },
    {}
  ]),
  plan("tasks that each wait for two others", (size) => [
    { ...crew, tasks: byName(size, (i) => ({ ...task, context: i < 3 ? [] : [`t${i - 1}`, `t${i - 3}`] }), "t") },
    {}
  ]),
  graph("one after the other", (size) =>
    Array.from({ length: size }, (_, i) => ({ id: `t${i}`, dependencies: i === 0 ? [] : [`t${i - 1}`] }))
  ),
  graph("in layers", layers),
  plan("inputs that are no JSON", (size) => [
    { ...crew, tasks: { t: { ...task, description: "{i}" } } },
    { inputs: { i: Array.from({ length: size }, () => Number.NaN) } }
  ])
]
