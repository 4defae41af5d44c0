/**
 * What a plan is made of: plain JSON, defaults filled in, durations in milliseconds, texts with the
 * inputs in place.
 */
import type * as Policy from "../Policy.ts"
import type * as JsonSchema from "effect/JsonSchema"
import type * as Schema from "effect/Schema"
import type { Agent } from "../Agent.ts"
import type { Definition } from "../Crew/Definition.ts"
import type { MemoryOptions } from "../MemoryOptions.ts"
import type { Prompts } from "../Crew/Manager.ts"
import type { Task } from "../Task.ts"

/** A condition on the output of one earlier task; the task runs only when it holds. */
export type Condition =
  | { readonly task: string; readonly contains: string }
  | { readonly task: string; readonly matches: string }
  | { readonly task: string; readonly equals: Schema.Json; readonly path?: string }
  | { readonly task: string; readonly code: true }

/**
 * A guardrail of a task: a sentence that a model judges, or the n-th function of the crew's code
 * for the task.
 */
export type Guardrail =
  | { readonly kind: "sentence"; readonly text: string }
  | { readonly kind: "code"; readonly index: number }

/**
 * Attempts and the backoff between them: full jitter below `initialMillis * factor^(attempt-1)`, at
 * most `maxMillis`.
 */
export interface Retry {
  /** How many times the task is tried in all, at least 1. */
  readonly attempts: number
  readonly initialMillis: number
  readonly factor: number
  readonly maxMillis: number
  /** An output that was refused too often is followed by another attempt. */
  readonly refusals?: true
}

/**
 * An agent, with the inputs in place and the crew's model where it names none. Without a model the
 * application's default answers. What it brings to each of its tasks stands here too, for tasks
 * that are given to it while the execution runs.
 */
export interface PlannedAgent
  extends
    Pick<Agent, "role" | "goal" | "model" | "modelOptions" | "limits" | "approvals">,
    Required<Pick<Agent, "backstory">> {
  /** Absent: none. */
  readonly tools?: ReadonlyArray<string>
  /** Absent: the default. */
  readonly maxTurns?: number
  readonly cache?: true
  /** True: it may give work to its coworkers. */
  readonly allowDelegation?: true
  /** Which of its tool calls are allowed; absent: all. */
  readonly policy?: Policy.Policy
  /** Whether and how it recalls memories; absent: as the plan declares. */
  readonly memory?: boolean | MemoryOptions
}

/** A person looks at the output before it counts. */
export interface PlannedReview {
  /** How long the person has, in milliseconds; absent: for ever. */
  readonly timeoutMillis?: number
  readonly onSilence: "deny" | "accept"
}

/** A file that the agent is shown: of the workspace, or at an address. */
export type PlannedAttachment = (
  | { readonly file: string; readonly url?: never }
  | { readonly url: string; readonly file?: never }
) & { readonly mediaType: string; readonly name?: string }

/**
 * A task. What is not declared here is as in the crew, with the inputs and the defaults in place.
 */
export interface PlannedTask
  extends
    Pick<Task, "description" | "expectedOutput" | "outputFile" | "limits" | "approvals" | "signals">,
    Required<Pick<Task, "agent" | "context" | "tools" | "maxRepairs" | "maxTurns" | "onFailure">> {
  readonly id: string
  /**
   * All that must be settled first: `context`, `dependsOn`, the order of the process and the
   * condition's task.
   */
  readonly dependencies: ReadonlyArray<string>
  /**
   * Pictures and other files that the agent is shown. The log names them; their bytes go to the
   * model alone.
   */
  readonly attachments?: ReadonlyArray<PlannedAttachment>
  /** JSON Schema (2020-12) of the output; absent: text. */
  readonly output?: JsonSchema.JsonSchema
  /**
   * True when the crew's code validates the output too (a Schema, Zod or Standard Schema was
   * given).
   */
  readonly outputCode?: true
  readonly guardrails: ReadonlyArray<Guardrail>
  readonly retry: Retry
  /** Time limit of one attempt, in milliseconds. */
  readonly timeoutMillis?: number
  readonly when?: Condition
  /** True: the same question may be answered from the cache of answers. */
  readonly cache?: true
  readonly humanInput?: PlannedReview
  /**
   * Policies in addition to those of the crew and the agent: its own, and those of the tasks that
   * added it.
   */
  readonly policies?: ReadonlyArray<Policy.Scoped>
  /** What a task that was spawned is called in lists; absent: its id. */
  readonly title?: string
  /** The task of the crew whose functions it uses; absent: its own. */
  readonly codeOf?: string
  /** True: the output is looked at for signs that it is no success. */
  readonly checked?: true
  /** Present: the manager assigns it, and it completes with the output of that work. */
  readonly frame?: Frame
  /** True: the manager has it done by others; it is not over before something was delegated. */
  readonly delegates?: true
  /** True: the manager reviews the output before it counts. */
  readonly reviewed?: true
  /** True: of an output that it decides about it is shown the beginning, and can read the rest. */
  readonly excerpt?: true
  /**
   * Of the task that gives the result of the crew: what that must fulfil. The manager holds the
   * output against it before it counts.
   */
  readonly acceptance?: ReadonlyArray<string>
  /** Of a task of the manager: which instructions it holds, by name and version. */
  readonly prompt?: string
  /** True: it replaces the task that added it. */
  readonly replaces?: true
  /** Absent: work. Otherwise a task of the manager itself. */
  readonly office?: "assign" | "review" | "recover" | "synthesise"
}

/**
 * A task that names no agent: who can do it, and what it says itself of that which otherwise its
 * agent brings.
 */
export interface Frame extends Pick<Task, "tools" | "maxTurns" | "cache" | "approvals"> {
  readonly candidates: ReadonlyArray<string>
}

/** The manager of a crew, with the defaults in place. */
export interface PlannedManager {
  /** Its agent, which does none of the work itself. */
  readonly agent: string
  /** Agents that work may be given to. */
  readonly allow: ReadonlyArray<string>
  /** How deep work may be passed on. */
  readonly depth: number
  /** It is asked what becomes of tasks that failed, and how often of one. */
  readonly recover: boolean
  readonly maxRecoveries: number
  /**
   * How often it may send outputs of one task back, and what becomes of one that it would send back
   * once more.
   */
  readonly maxRevisions: number
  readonly onUnaccepted: "accept" | "fail"
  /** Instructions of the crew's own, with the inputs in place. */
  readonly prompts?: Prompts
  /** How many turns in a row may pass in which nothing that it delegates gets on; absent: 3. */
  readonly maxStalls?: number
}

export interface Plan extends Pick<Definition, "name" | "limits">, Required<Pick<Definition, "process">> {
  readonly version: 1
  readonly agents: { readonly [name: string]: PlannedAgent }
  /** In declared order. */
  readonly tasks: ReadonlyArray<PlannedTask>
  readonly inputs: { readonly [name: string]: Schema.Json }
  /**
   * True, or how: agents are reminded of what the crew remembers, and what they come to is
   * remembered.
   */
  readonly memory?: true | MemoryOptions
  readonly manager?: PlannedManager
  /** Checks of outputs that are turned off. */
  readonly checksOff?: ReadonlyArray<string>
  /** A tool whose function throws fails its task. Absent: its agent is told. */
  readonly onToolDefect?: "fail"
  /** Which tool calls are allowed in all tasks; absent: calls of the tools that it lists. */
  readonly policy?: Policy.Policy
  /** True: the tools that the crew lists are unknown. */
  readonly generated?: true
  /**
   * Hashes of the definitions of registered tools, by name, when the execution was started: calls
   * of one that has changed since are asked about.
   */
  readonly definitions?: { readonly [tool: string]: string }
  /** Time limit of the whole execution, in milliseconds from its start. */
  readonly timeoutMillis?: number
  /**
   * True when functions of the crew (guardrails, conditions, output schemas) are needed to run it.
   */
  readonly needsCode?: true
}
