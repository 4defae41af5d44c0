/**
 * An agent as a user declares it: its role and goal, the model that answers for it and the tools
 * that it may use. Plain data.
 */
import * as Schema from "effect/Schema"
import * as Limits from "./Limits.ts"
import * as MemoryOptions from "./MemoryOptions.ts"
import * as Policy from "./Policy.ts"

/** Text that is not blank. */
export const Text = Schema.String.check(Schema.isPattern(/\S/, { expected: "some text" }))

/**
 * A reference to a model: the provider's name, a slash, the provider's name of the model
 * (`openai/gpt-5.2`).
 */
export const ModelReference = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9._-]+\/\S+$/, {
    expected: 'a model reference such as "openai/gpt-5.2" (provider/model)'
  })
).annotate({ description: "Reference to a model, provider/model" })

/** One model, or a chain: where one cannot answer the next is asked. */
export const Models = Schema.Union([
  ModelReference,
  Schema.Array(ModelReference).check(Schema.isMinLength(1, { expected: "at least one model reference" }))
]).annotate({
  description: "A model reference, or a list of them in the order in which they are tried",
  expected: 'a model reference such as "openai/gpt-5.2" (provider/model), or a list of them'
})
export type Models = typeof Models.Type

/** Parameters of the model call; absent ones are the provider's defaults. */
export const ModelOptions = Schema.Struct({
  /** From 0 (the likeliest words) to 2. */
  temperature: Schema.optionalKey(
    Schema.Finite.check(Schema.isBetween({ minimum: 0, maximum: 2 }, { expected: "a number from 0 to 2" }))
  ),
  /** The share of probability that words are drawn from, over 0 up to 1. */
  topP: Schema.optionalKey(
    Schema.Finite.check(
      Schema.isBetween(
        { minimum: 0, maximum: 1, exclusiveMinimum: true },
        { expected: "a number greater than 0 and at most 1" }
      )
    )
  ),
  /** The longest answer, in tokens. */
  maxOutputTokens: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1, { expected: "a whole number, 1 or more" }))
  ),
  /** Asks the provider for the same answer to the same question. */
  seed: Schema.optionalKey(Schema.Int),
  /** The answer ends before any of these. */
  stop: Schema.optionalKey(Schema.Array(Schema.String))
}).annotate({ description: "Parameters of the model call" })
export interface ModelOptions extends Schema.Schema.Type<typeof ModelOptions> {}

/** The name of a tool in the toolbox. */
export const ToolName = Schema.String.check(Schema.isNonEmpty({ expected: "the name of a tool" }))

/** The tool with which an agent searches the toolbox; every toolbox has it. */
export const searchTool = "tool_search"

/** Maximum number of model turns per attempt at a task, unless the task or the agent sets it. */
export const defaultMaxTurns = 25

/** An agent. Text may hold placeholders (`{topic}`) that the inputs of an execution fill. */
export const Agent = Schema.Struct({
  /** Who the agent is: "Senior researcher". */
  role: Text,
  /** What the agent is to achieve. */
  goal: Text,
  /** Background of the agent. Default: none. */
  backstory: Schema.optionalKey(Schema.String),
  /**
   * The model that answers for the agent, or several: where one cannot answer the next is asked.
   * Default: the crew's, else the application's.
   */
  model: Schema.optionalKey(Models),
  modelOptions: Schema.optionalKey(ModelOptions),
  /** Tools the agent may use in all of its tasks. Default: none. */
  tools: Schema.optionalKey(Schema.Array(ToolName)),
  /** Model turns of one attempt at a task, tool turns included. Default: 25. */
  maxTurns: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(1, { expected: "a whole number, 1 or more" }))
  ),
  /** What the agent may spend in one execution. Default: no limit. */
  limits: Schema.optionalKey(Limits.Declared),
  /** True: the same question may be answered from the cache of answers. Default: false. */
  cache: Schema.optionalKey(Schema.Boolean),
  /** True: the agent may give work to its coworkers and ask them. Default: false. */
  allowDelegation: Schema.optionalKey(Schema.Boolean),
  /** Tools whose every call a person approves first, in all tasks of the agent. Default: none. */
  approvals: Schema.optionalKey(Schema.Array(ToolName)),
  /**
   * Whether and how it recalls memories; overrides the crew's policy. Default: as the crew
   * declares.
   */
  memory: Schema.optionalKey(Schema.Union([Schema.Boolean, MemoryOptions.MemoryOptions])),
  /** Which of its tool calls are allowed, in all tasks of the agent. Default: all. */
  policy: Schema.optionalKey(Policy.Policy)
}).annotate({ identifier: "Agent", description: "An agent of a crew" })

export interface Agent extends Schema.Schema.Type<typeof Agent> {}
