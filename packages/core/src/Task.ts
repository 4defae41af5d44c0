/**
 * A task as a user declares it: description, agent, dependencies and acceptance. Plain data; the
 * functions of a TypeScript crew (guardrails, conditions, output schemas) are in `Crew.Code`.
 */
import * as Schema from "effect/Schema"
import * as Agent from "./Agent.ts"
import * as Limits from "./Limits.ts"
import * as Name from "./Name.ts"
import * as Policy from "./Policy.ts"

const TaskName = Schema.String.check(Schema.isNonEmpty({ expected: "the name of a task" }))
const atLeastOne = Schema.isGreaterThanOrEqualTo(1, { expected: "a whole number, 1 or more" })

/**
 * The longest duration, in milliseconds: 100 years. What is added to a time must still be a date.
 */
const maxDurationMillis = 100 * 365.25 * 86_400_000

const expected = 'a duration of at most 100 years such as "30 seconds", "500 millis" or a number of milliseconds'

/**
 * A time span: a number of milliseconds, or a number and a unit ("500 millis", "30 seconds", "2
 * minutes").
 */
export const Duration = Schema.Union([
  Schema.Finite.check(
    Schema.isGreaterThanOrEqualTo(0, { expected }),
    Schema.isLessThanOrEqualTo(maxDurationMillis, { expected })
  ),
  Schema.String.check(
    Schema.isPattern(/^\d+(\.\d+)? (milli|second|minute|hour|day|week)s?$/, { expected }),
    Schema.makeFilter((text) => !(millis(text) > maxDurationMillis), { expected })
  )
]).annotate({
  description: 'A duration: milliseconds, or a number and a unit such as "30 seconds"',
  expected
})
export type Duration = typeof Duration.Type

const units: { readonly [unit: string]: number } = {
  milli: 1,
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000
}

/** A valid duration in milliseconds; of any other text `NaN`. */
export const millis = (duration: number | string): number => {
  if (typeof duration === "number") return duration
  const [amount, unit = ""] = duration.split(" ")
  return Number(amount) * (units[unit.replace(/s$/, "")] ?? Number.NaN)
}

/** Attempts at a task and the pauses between them (full jitter, growing by `factor`). */
export const Retry = Schema.Struct({
  /** How often the task is tried in all. Default: 3. */
  attempts: Schema.optionalKey(Schema.Int.check(atLeastOne)),
  /** The longest pause before the second attempt. Default: 1 second. */
  initial: Schema.optionalKey(Duration),
  /** What the pause grows by with each attempt. Default: 2. */
  factor: Schema.optionalKey(
    Schema.Finite.check(Schema.isGreaterThanOrEqualTo(1, { expected: "a number, 1 or more" }))
  ),
  /** The longest pause of all. Default: 1 minute. */
  max: Schema.optionalKey(Duration),
  /**
   * True: an output that is refused more than `maxRepairs` times is followed by another attempt, so
   * that repairs and attempts multiply. Default: false, and the task fails.
   */
  refusals: Schema.optionalKey(Schema.Boolean)
}).annotate({ description: "Attempts and the delays between them" })

export interface Retry extends Schema.Schema.Type<typeof Retry> {}

/** A condition on the output of another task: exactly one of `contains`, `matches` and `equals`. */
export const When = Schema.Struct({
  /** The task whose output is looked at. */
  task: TaskName,
  /** Holds when the output, as text, contains this. */
  contains: Schema.optionalKey(Schema.String),
  /** Holds when this regular expression (JavaScript, flag `u`) matches the output as text. */
  matches: Schema.optionalKey(Schema.String),
  /** Holds when the output, or the part of it at `path`, equals this value. */
  equals: Schema.optionalKey(Schema.Json),
  /** JSON pointer into the output (`/verdict/approved`), for `equals`. */
  path: Schema.optionalKey(Schema.String)
}).annotate({ description: "A condition on the output of another task" })

export interface When extends Schema.Schema.Type<typeof When> {}

/** A JSON Schema (draft 2020-12) of the output. */
export const OutputSchema = Schema.JsonObject.annotate({ expected: "a JSON Schema object" })

/** A picture or another file that the agent is shown with its task. */
export const Attachment = Schema.Struct({
  /** A file of the workspace directory. */
  file: Schema.optionalKey(Agent.Text),
  /**
   * Or its address: `https://…`, which the provider fetches, or `data:…;base64,…` for small ones.
   */
  url: Schema.optionalKey(Agent.Text),
  /** Default: by the extension of its name. */
  mediaType: Schema.optionalKey(
    Schema.String.check(
      Schema.isPattern(/^[A-Za-z]+\/[A-Za-z0-9.+-]+$/, { expected: 'a media type such as "image/png"' })
    )
  ),
  /** Its name in the agent's prompt. Default: the name of the file. */
  name: Schema.optionalKey(Agent.Text)
}).annotate({ description: "An image or another file that is shown to the agent" })

export interface Attachment extends Schema.Schema.Type<typeof Attachment> {}

/** A person looks at the output before it counts: accepts it, or sends it back with feedback. */
export const Review = Schema.Struct({
  /** How long the person has. Default: no limit. */
  timeout: Schema.optionalKey(Duration),
  /** What happens without an answer in time: the output is rejected (default) or accepted. */
  onSilence: Schema.optionalKey(Schema.Literals(["deny", "accept"]))
}).annotate({ description: "A person's review of the output" })

export interface Review extends Schema.Schema.Type<typeof Review> {}

/** The name of a signal that a task expects. */
export const SignalName = Name.Key.check(
  Schema.isPattern(/^[A-Za-z_][A-Za-z0-9_.-]*$/, {
    expected: 'the name of a signal: letters, digits, "_", "." and "-", such as "payment-received"'
  })
)

/** How often an output is sent back with the complaint, when the task does not say so. */
export const defaultMaxRepairs = 3

/**
 * The retry policy of tasks that declare none, and of the parts that theirs leaves out; durations
 * in milliseconds.
 */
export const defaultRetry = { attempts: 3, initialMillis: 1_000, factor: 2, maxMillis: 60_000 } as const

/** A task. Text may hold placeholders (`{topic}`) that the inputs of an execution fill. */
export const Task = Schema.Struct({
  /** What is to be done. */
  description: Agent.Text,
  /** What a good output looks like. */
  expectedOutput: Agent.Text,
  /** The agent that does it. May be left out when the crew has only one. */
  agent: Schema.optionalKey(Schema.String),
  /**
   * Tasks whose outputs this one reads, in this order. In a sequential crew: all before it, unless
   * given.
   */
  context: Schema.optionalKey(Schema.Array(TaskName)),
  /** Tasks that must be settled first, without reading their outputs. */
  dependsOn: Schema.optionalKey(Schema.Array(TaskName)),
  /** Pictures and other files that the agent is shown. */
  attachments: Schema.optionalKey(Schema.Array(Attachment)),
  /** Tools the agent may use here. Default: those of the agent. */
  tools: Schema.optionalKey(Schema.Array(Agent.ToolName)),
  /** JSON Schema of the output. Default: the output is text. */
  output: Schema.optionalKey(OutputSchema),
  /** Sentences that a model holds the output against. */
  guardrails: Schema.optionalKey(Schema.Array(Agent.Text)),
  /**
   * How often an output that its schema or a guardrail refuses is sent back with the complaint.
   * Default: 3.
   */
  maxRepairs: Schema.optionalKey(
    Schema.Int.check(Schema.isGreaterThanOrEqualTo(0, { expected: "a whole number, 0 or more" }))
  ),
  /** Model turns of one attempt, tool turns included. Default: the agent's. */
  maxTurns: Schema.optionalKey(Schema.Int.check(atLeastOne)),
  retry: Schema.optionalKey(Retry),
  /** Time limit of one attempt. Default: none. */
  timeout: Schema.optionalKey(Duration),
  /**
   * What a final failure does: end the execution (default), skip what depends on the task, or let
   * that run and see it.
   */
  onFailure: Schema.optionalKey(Schema.Literals(["fail", "skip", "continue"])),
  /** The task runs only when this holds; otherwise it is skipped. */
  when: Schema.optionalKey(When),
  /** File that receives the output, relative to the workspace directory and inside of it. */
  outputFile: Schema.optionalKey(Agent.Text),
  /** What the task may spend, all attempts together. Default: no limit. */
  limits: Schema.optionalKey(Limits.Declared),
  /** True: the same question may be answered from the cache of answers. Default: the agent's. */
  cache: Schema.optionalKey(Schema.Boolean),
  /**
   * True, or how: a person accepts the output, or sends it back with feedback, before it counts.
   * Default: false.
   */
  humanInput: Schema.optionalKey(Schema.Union([Schema.Boolean, Review])),
  /** Tools whose every call a person approves first, besides those of the agent. Default: none. */
  approvals: Schema.optionalKey(Schema.Array(Agent.ToolName)),
  /**
   * Which tool calls are allowed in this task, in addition to the policies of the crew and the
   * agent.
   */
  policy: Schema.optionalKey(Policy.Policy),
  /** Names of the signals that may be sent to the execution for this task. Default: none. */
  signals: Schema.optionalKey(Schema.Array(SignalName))
}).annotate({ identifier: "Task", description: "A task of a crew" })

export interface Task extends Schema.Schema.Type<typeof Task> {}
