/**
 * The tools for delegating work to coworkers and asking them questions. Each call becomes a task of
 * the coworker; calls of one turn run in parallel and do not occupy a worker. A call that is not
 * allowed returns the allowed alternatives and adds no task.
 *
 * Results are reported as they are: failures with code and attempts, and false successes as such.
 */
import * as Effect from "effect/Effect"
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import * as Ask from "../Ask.ts"
import * as JsonDepth from "../JsonDepth.ts"
import * as JsonSchemaValidator from "../JsonSchemaValidator.ts"
import type * as Plan from "../Plan.ts"
import {
  type Need,
  type SpawnedResult,
  type SpawnedTask,
  type Tool,
  ToolFailed,
  ToolRetry,
  type ToolContext
} from "../Tool/Definition.ts"
import * as Coworkers from "./Coworkers.ts"
import * as Prompt from "./DelegatePrompt.ts"
import * as Instructing from "./Instructing.ts"

export interface Options {
  readonly plan: Plan.Plan
  /** The agent that delegates, and those that wait for its work, up to the root. */
  readonly chain: ReadonlyArray<string>
}

/** How deep work may be passed on below a task. */
export const maxDepth = ({ manager }: Plan.Plan): number => manager?.depth ?? 2

export const delegateName = "delegate_work"
export const askName = "ask_coworker"
export const replanName = "replan"
/** What the tools are called elsewhere; calls by these names are taken, too. */
const aliases = { [delegateName]: "delegate_work_to_coworker", [askName]: "ask_question_to_coworker" } as const

/** True for the tools by which work is passed on. */
export const isDelegation = (tool: string): boolean =>
  isOffered(tool) || tool === replanName || Object.values(aliases).some((alias) => alias === tool)

/** True for what a model is shown; aliases are not. */
export const isOffered = (tool: string): boolean => tool === delegateName || tool === askName

/** Aliases included. */
export const tools = (options: Options): ReadonlyArray<Tool> => {
  const made = [delegate(options), ask(options)]
  return [...made, ...made.map((tool) => ({ ...tool, name: aliases[tool.name as keyof typeof aliases] }))]
}

const schemaOf = (
  options: Options,
  properties: { readonly [name: string]: string },
  more: { readonly [name: string]: JsonSchema.JsonSchema } = {}
): JsonSchema.JsonSchema => {
  const names = Coworkers.of(options.plan, options.chain).map(({ name }) => name)
  const texts = Object.entries(properties).map(([name, description]) => [name, { type: "string", description }])
  return {
    type: "object",
    properties: {
      ...Object.fromEntries(texts),
      coworker: { type: "string", description: Prompt.parameters.coworker, ...(names.length > 0 && { enum: names }) },
      ...more
    },
    required: [...Object.keys(properties), "coworker"]
  }
}

const told = ({ chain, plan }: Options, power: "delegate" | "ask"): Instructing.Told =>
  Instructing.tell(
    plan,
    power,
    power === "ask" ? Prompt.ask : Prompt.delegate,
    Prompt.coworkers(Coworkers.of(plan, chain))
  )

/** The instructions of a delegating agent, by name and version. */
export const promptOf = (options: Options): string =>
  `${told(options, "delegate").prompt} ${told(options, "ask").prompt}`

const delegate = (options: Options): Tool => ({
  name: delegateName,
  description: told(options, "delegate").description,
  parameters: schemaOf(
    options,
    { task: Prompt.parameters.task, context: Prompt.parameters.context },
    {
      expected_output: { type: "string", description: Prompt.parameters.expectedOutput },
      output_schema: { type: "object", description: Prompt.parameters.outputSchema }
    }
  ),
  idempotent: true,
  need: (args) =>
    Effect.gen(function* () {
      const task = yield* textOf(args, "task", delegateName)
      const agent = yield* coworkerOf(options, args)
      const { expected_output: expected } = args
      const output = yield* schemaIn(args)
      return work({
        title: Ask.titleOf(task),
        agent,
        description: Prompt.brief(task, optional(args["context"])),
        expectedOutput: optional(expected) || Prompt.defaultExpectedOutput,
        ...(output === undefined ? {} : { output })
      })
    }),
  execute: (args, context) => resultOf(options, args, context)
})

const ask = (options: Options): Tool => ({
  name: askName,
  description: told(options, "ask").description,
  parameters: schemaOf(options, { question: Prompt.parameters.question, context: Prompt.parameters.context }),
  idempotent: true,
  need: (args) =>
    Effect.gen(function* () {
      const question = yield* textOf(args, "question", askName)
      const agent = yield* coworkerOf(options, args)
      return work({
        title: Ask.titleOf(question),
        agent,
        description: Prompt.brief(question, optional(args["context"])),
        expectedOutput: Prompt.expectedAnswer
      })
    }),
  execute: (args, context) => resultOf(options, args, context)
})

const only = "work"

/** A failure of delegated work is reported to the delegating agent and ends nothing else. */
const work = (task: SpawnedTask): Need => ({
  _tag: "Tasks",
  tasks: { [only]: { ...task, onFailure: "skip" } },
  need: "all",
  checked: true
})

const retry = (message: string) => Effect.fail(new ToolRetry({ message }))

const optional = (value: Schema.Json | undefined): string =>
  value === undefined || value === null ? "" : typeof value === "string" ? value : JSON.stringify(value)

const textOf = (args: Schema.JsonObject, parameter: string, tool: string): Effect.Effect<string, ToolRetry> => {
  const text = optional(args[parameter]).trim()
  return text === "" ? retry(Prompt.missing(parameter, tool)) : Effect.succeed(text)
}

/**
 * The schema of the result; `undefined`: it may be anything. Some models write it as a text, and
 * something empty for what they leave out.
 */
const schemaIn = (args: Schema.JsonObject): Effect.Effect<Schema.JsonObject | undefined, ToolRetry> => {
  const given = args["output_schema"]
  const schema = typeof given === "string" ? parsed(given) : given
  if (schema === undefined || schema === null || schema === true || schema === "") return Effect.undefined
  if (typeof schema === "object" && Object.keys(schema).length === 0) return Effect.undefined
  if (!Predicate.isReadonlyObject(schema)) return retry(Prompt.invalidSchema(Prompt.noObject))
  if (JsonDepth.isTooDeep(schema)) return retry(Prompt.invalidSchema(`It ${JsonDepth.tooDeep}`))
  const [violation] = JsonSchemaValidator.check(schema)
  return violation === undefined
    ? Effect.succeed(schema as Schema.JsonObject)
    : retry(Prompt.invalidSchema(JsonSchemaValidator.describe(violation)))
}

/** The text parsed as JSON, or the text itself. */
const parsed = (text: string): Schema.Json => {
  try {
    return JSON.parse(text) as Schema.Json
  } catch {
    return text.trim()
  }
}

/** Some models give a list of one. */
const namedIn = ({ coworker }: Schema.JsonObject): string =>
  optional(Array.isArray(coworker) && coworker.length === 1 ? coworker[0] : coworker)

/** Whom a call means, or whom it can mean instead. */
export const coworkerOf = ({ chain, plan }: Options, args: Schema.JsonObject): Effect.Effect<string, ToolRetry> => {
  const named = namedIn(args)
  const allowed = Coworkers.of(plan, chain)
  const match = Coworkers.match(plan, named)
  switch (match._tag) {
    case "Unknown":
      return retry(Prompt.unknownCoworker(named, allowed, match.suggestion))
    case "Ambiguous":
      return retry(Prompt.ambiguousCoworker(named, match.names, allowed))
    case "Found":
      if (chain.includes(match.name)) return retry(Prompt.loop(match.name, chain, allowed))
      return allowed.some(({ name }) => name === match.name)
        ? Effect.succeed(match.name)
        : retry(Prompt.unknownCoworker(named, allowed, undefined))
  }
}

const resultOf = ({ plan }: Options, args: Schema.JsonObject, { met }: ToolContext) => {
  const result = met?._tag === "Tasks" ? met.tasks[only] : undefined
  const match = Coworkers.match(plan, namedIn(args))
  return outcomeOf(match._tag === "Found" ? match.name : namedIn(args), result)
}

/** The outcome of delegated work, for the delegating agent. */
export const outcomeOf = (
  coworker: string,
  result: SpawnedResult | undefined
): Effect.Effect<Schema.Json, ToolFailed> => {
  const fail = (message: string) => Effect.fail(new ToolFailed({ message }))
  switch (result?.status) {
    case "completed": {
      const { doubts = [], output = null } = result
      return doubts.length === 0
        ? Effect.succeed(output)
        : fail(
            Prompt.doubtful(
              coworker,
              doubts.map(({ message }) => message),
              output
            )
          )
    }
    case "failed":
      return fail(
        Prompt.failed(coworker, {
          attempts: result.attempts ?? 1,
          code: result.code ?? "failed",
          message: result.error ?? ""
        })
      )
    default:
      return fail(Prompt.notDone(coworker, result?.status ?? "lost"))
  }
}
