/** Any valid crew, and any damage to one. */
import * as Schema from "effect/Schema"
import * as fc from "fast-check"
import * as Name from "../../src/Name.ts"
import type * as Crew from "../../src/Crew.ts"
import type * as Task from "../../src/Task.ts"

const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_-]{0,8}$/).filter((one) => one !== "__proto__")
/**
 * Strings that are hard to write in YAML: quotes, line breaks, indentation, lookalikes of other
 * types.
 */
const awkward = fc.constantFrom(
  "yes",
  "null",
  "1e3",
  "- a",
  "a: b",
  "# no",
  "<<",
  " x ",
  "é\u{1f9a6}",
  "|\n  x\n",
  "{topic}",
  "---",
  "\ttab\r\n"
)
const text = fc
  .oneof(fc.string({ minLength: 1 }), fc.string({ unit: "binary", minLength: 1 }), awkward)
  .map((one) => (/\S/.test(one) ? one : `x${one}`))
const json = fc
  .jsonValue({ maxDepth: 3 })
  .map((one) => JSON.parse(JSON.stringify(one).replaceAll("__proto__", "proto")))
const duration = fc.oneof(
  fc.nat(100_000),
  fc
    .tuple(fc.nat(999), fc.constantFrom("millis", "seconds", "minutes", "hours", "day"))
    .map(([n, unit]) => `${n} ${unit}`)
)
const positive = fc.integer({ min: 1, max: 50 })
const optional = { requiredKeys: [] as [] }

const modelOptions = fc.record(
  {
    temperature: fc.integer({ min: 0, max: 20 }).map((n) => n / 10),
    topP: fc.integer({ min: 1, max: 10 }).map((n) => n / 10),
    maxOutputTokens: positive,
    seed: fc.integer(),
    stop: fc.array(fc.string())
  },
  optional
)

const agent = fc.record(
  {
    role: text,
    goal: text,
    backstory: fc.string(),
    model: fc.constantFrom("openai/gpt-5.2", "scripted/demo", "ollama/llama3:8b"),
    modelOptions,
    tools: fc.array(name),
    maxTurns: positive,
    approvals: fc.array(name),
    allowDelegation: fc.boolean()
  },
  { requiredKeys: ["role", "goal"] }
)

const output = fc.oneof(
  fc.constantFrom(
    {},
    { type: "string" },
    { type: ["object", "null"], properties: { a: { $ref: "#/$defs/a" } }, $defs: { a: { minimum: 1 } } }
  ),
  json.map((one) => ({
    type: "object",
    properties: { x: { default: one } },
    required: ["x"],
    additionalProperties: false
  }))
)

const test = fc.oneof(
  fc.record({ contains: fc.string() }),
  fc.constant({ matches: "^a+$" }),
  fc.record({ equals: json, path: fc.constantFrom("", "/a", "/a~1b/0") }, { requiredKeys: ["equals"] })
)

/** A task without its mentions of agents and tasks. */
const task = fc.record(
  {
    description: text,
    expectedOutput: text,
    tools: fc.array(name),
    output,
    guardrails: fc.array(text, { maxLength: 3 }),
    maxRepairs: fc.nat(9),
    maxTurns: positive,
    retry: fc.record(
      { attempts: positive, initial: duration, factor: fc.integer({ min: 1, max: 4 }), max: duration },
      optional
    ),
    timeout: duration,
    onFailure: fc.constantFrom("fail" as const, "skip" as const, "continue" as const),
    attachments: fc.array(
      fc.constantFrom<Task.Attachment>(
        { file: "a.png" },
        { file: "in/{topic}.csv", mediaType: "text/csv", name: "Figures" },
        { url: "https://example.com/{topic}", mediaType: "application/pdf" },
        { url: "data:image/png;base64,AQID" }
      ),
      { maxLength: 3 }
    ),
    outputFile: fc.constantFrom("a.md", "out/{topic}.txt", "..a/b..c"),
    humanInput: fc.oneof(
      fc.boolean(),
      fc.record({ timeout: duration, onSilence: fc.constantFrom("deny" as const, "accept" as const) }, optional)
    ),
    signals: fc.array(fc.constantFrom("payment-received", "a.b", "_x"))
  },
  { requiredKeys: ["description", "expectedOutput"] }
)

const header = fc.record(
  {
    name: text.filter(Schema.is(Name.Name)),
    description: fc.string(),
    process: fc.constantFrom("parallel" as const, "sequential" as const),
    inputs: fc.dictionary(name, fc.record({ description: fc.string(), default: json }, optional), { maxKeys: 4 }),
    model: fc.constantFrom("openai/gpt-5.2", "scripted/demo"),
    memory: fc.boolean(),
    acceptance: fc.array(text, { maxLength: 2 }),
    synthesis: fc.oneof(
      fc.constant(true as const),
      fc.record({ description: text, expectedOutput: text, output: fc.constant({ type: "object" }) }, optional)
    ),
    timeout: duration
  },
  { requiredKeys: ["name"] }
)

const rule = fc.oneof(
  fc.constantFrom("file_read", "file_*", "*"),
  fc.record(
    {
      tool: fc.constantFrom("send", "web_*"),
      kind: fc.constantFrom("read" as const, "write" as const, "execute" as const, "network" as const),
      arguments: fc.constantFrom({ required: ["to"] }, { properties: { to: { type: "string" } } }),
      reason: text
    },
    optional
  )
)
const policy = fc.record({ allow: fc.array(rule), deny: fc.array(rule), ask: fc.array(rule) }, optional)
const limits = fc.record(
  { tokens: positive, onExceeded: fc.constantFrom("fail" as const, "ask" as const, "finish" as const) },
  { requiredKeys: ["tokens", "onExceeded"] }
)
const memory = fc.record(
  {
    kinds: fc.array(fc.constantFrom("short-term" as const, "long-term" as const, "entity" as const)),
    scopes: fc.array(fc.constantFrom("crew" as const, "agent" as const, "user" as const, "session" as const)),
    maxTokens: positive,
    threshold: fc.integer({ min: 0, max: 10 }).map((n) => n / 10),
    minTrust: fc.constantFrom("user" as const, "agent" as const, "tool" as const, "document" as const, "web" as const),
    readOnly: fc.boolean()
  },
  optional
)
const powers = fc.record(
  {
    review: fc.constantFrom("none" as const, "final" as const, "all" as const),
    recover: fc.boolean(),
    maxRevisions: fc.nat(9),
    onUnaccepted: fc.constantFrom("accept" as const, "fail" as const),
    maxRecoveries: fc.nat(9),
    maxStalls: fc.nat(9),
    depth: positive
  },
  optional
)

/** References of a task: indices that are valid for lists of any length. */
const mentions = fc.record({
  agent: fc.nat(),
  context: fc.option(fc.array(fc.nat(), { maxLength: 4 })),
  dependsOn: fc.option(fc.array(fc.nat(), { maxLength: 4 })),
  when: fc.option(fc.tuple(fc.nat(), test))
})

/**
 * A valid crew in its normal form. Tasks mention only tasks before them, so that every process is
 * possible.
 */
export const definition: fc.Arbitrary<Crew.Definition> = fc
  .tuple(
    header,
    fc.uniqueArray(fc.tuple(name, agent), { minLength: 1, maxLength: 4, selector: ([one]) => one }),
    fc.uniqueArray(fc.tuple(name, task, mentions), { minLength: 1, maxLength: 7, selector: ([one]) => one }),
    fc.option(powers.map((more) => ({ ...more, model: "openai/gpt-5.2" }))),
    fc.boolean()
  )
  .map(([head, agents, tasks, manager, isHierarchical]) => ({
    ...head,
    ...(manager === null ? {} : { manager, ...(isHierarchical ? { process: "hierarchical" as const } : {}) }),
    ...(head.inputs === undefined ? {} : { inputs: { ...head.inputs } }),
    agents: Object.fromEntries(agents),
    tasks: Object.fromEntries(
      tasks.map(([taskName, fields, { agent, context, dependsOn, when }], index) => {
        const before = (places: ReadonlyArray<number>) =>
          index === 0 ? [] : places.map((place) => tasks[place % index]![0])
        return [
          taskName,
          {
            ...fields,
            // No two tasks may have the same.
            ...(fields.outputFile === undefined ? {} : { outputFile: `${index}/${fields.outputFile}` }),
            ...((agents.length > 1 && manager === null) || agent % 2 === 0
              ? { agent: agents[agent % agents.length]![0] }
              : {}),
            ...(context === null ? {} : { context: before(context) }),
            ...(dependsOn === null ? {} : { dependsOn: before(dependsOn) }),
            ...(when === null || index === 0 ? {} : { when: { task: before([when[0]])[0]!, ...when[1] } })
          }
        ]
      })
    )
  }))

/** A valid crew that declares limits, memory and policies everywhere. */
export const bounded: fc.Arbitrary<Crew.Definition> = fc
  .tuple(
    definition,
    fc.record({ memory, limits, policy }),
    fc.tuple(policy, limits, memory),
    fc.tuple(policy, limits),
    powers,
    fc.boolean()
  )
  .map(([crew, header, ofAgents, ofTasks, powers, isHierarchical]) => {
    const agents = Object.keys(crew.agents)
    const every = <A>(all: { readonly [name: string]: A }, more: object) =>
      Object.fromEntries(Object.entries(all).map(([key, value]) => [key, { ...value, ...more }]))
    return {
      ...crew,
      ...header,
      ...(isHierarchical ? { process: "hierarchical" as const } : {}),
      manager: { ...powers, model: "openai/gpt-5.2", allow: agents },
      agents: every(crew.agents, { policy: ofAgents[0], limits: ofAgents[1], memory: ofAgents[2] }),
      tasks: every(crew.tasks, { policy: ofTasks[0], limits: ofTasks[1] })
    }
  })

type Mutable = { [key: string]: unknown }

/** Anything that JSON or JavaScript can put where it does not belong. */
const anything = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true, withSparseArray: true }),
  fc.constantFrom(
    null,
    undefined,
    "",
    [],
    {},
    Number.NaN,
    () => 1,
    "..",
    "/etc/passwd",
    { $ref: "#" },
    JSON.parse('{"__proto__":{"x":1}}')
  ),
  json
)

/** A valid crew with up to five things in it replaced, removed or renamed. */
export const damaged: fc.Arbitrary<unknown> = fc
  .tuple(
    definition,
    fc.array(
      fc.tuple(
        fc.array(fc.nat(), { minLength: 1, maxLength: 5 }),
        fc.constantFrom("replace", "remove", "rename", "repeat"),
        anything
      ),
      {
        minLength: 1,
        maxLength: 5
      }
    )
  )
  .map(([crew, damages]) => {
    const root = structuredClone(crew) as unknown as Mutable
    for (const [way, kind, value] of damages) {
      let parent: Mutable = root
      let key = Object.keys(root)[0]!
      for (const step of way) {
        const keys = Object.keys(parent)
        key = keys[step % keys.length]!
        const next = parent[key]
        if (typeof next !== "object" || next === null || Object.keys(next).length === 0) break
        if (step !== way.at(-1)) parent = next as Mutable
      }
      if (!Object.hasOwn(parent, key)) continue
      if (kind === "replace") parent[key] = value
      else if (kind === "repeat") parent[`${key}_`] = parent[key]
      else {
        if (kind === "rename")
          parent[key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) + "s"] = parent[key]
        delete parent[key]
      }
      if (Object.keys(root).length === 0) return root
    }
    return root
  })
