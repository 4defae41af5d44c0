/**
 * Runs the functions of a tool: values, promises and effects alike, what they throw as failures of
 * the call.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import * as JsonDepth from "../JsonDepth.ts"
import type { Origin } from "../MemoryOptions.ts"
import { redact } from "../Redact.ts"
import type { Files } from "../Workspace.ts"
import { type Met, type ToolContext, type ToolError, ToolFailed, ToolRetry } from "./Definition.ts"

/** Who calls, and a signal that is aborted when the call is interrupted. */
export interface CallContext extends ToolContext {
  readonly signal: AbortSignal
}

/** The context of one call; the signal is made when it is asked for. */
export class Call implements CallContext {
  readonly tenant: string
  readonly userId?: string
  readonly executionId: string
  readonly taskId: string
  readonly run: number
  readonly turn: number
  readonly agent: string
  readonly callId: string
  readonly idempotencyKey: string
  readonly workspace: Files
  readonly trust?: Origin
  readonly met?: Met
  readonly call?: NonNullable<ToolContext["call"]>
  /** What the wait came to, under the names that the functions of a tool know. */
  answer: unknown
  readonly tasks: Extract<Met, { _tag: "Tasks" }>["tasks"] | undefined
  readonly received: Schema.Json | undefined
  #controller: AbortController | undefined

  constructor(context: ToolContext) {
    this.tenant = context.tenant
    this.executionId = context.executionId
    this.taskId = context.taskId
    this.run = context.run
    this.turn = context.turn
    this.agent = context.agent
    this.callId = context.callId
    this.idempotencyKey = context.idempotencyKey
    this.workspace = context.workspace
    const { call, met, trust, userId } = context
    if (call !== undefined) this.call = call
    if (userId !== undefined) this.userId = userId
    if (trust !== undefined) this.trust = trust
    if (met !== undefined) this.met = met
    this.answer = met?._tag === "Answer" ? met.value : undefined
    this.tasks = met?._tag === "Tasks" ? met.tasks : undefined
    this.received = met?._tag === "Signal" ? met.value : undefined
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  abort(): void {
    this.#controller?.abort()
  }
}

/** Runs a function for its result, which is JSON. */
export const run = (name: string, call: Call, work: (call: Call) => unknown): Effect.Effect<Schema.Json, ToolError> =>
  value(call, work, (returned) => toJson(name, returned))

/** Runs a function for what it returns; `accept` says whether that can be used. */
export const value = <A>(
  call: Call,
  work: (call: Call) => unknown,
  accept: (returned: unknown) => Effect.Effect<A, ToolError>
): Effect.Effect<A, ToolError> =>
  Effect.suspend(() => {
    let returned: unknown
    try {
      returned = work(call)
    } catch (error) {
      return Effect.fail(thrown(error))
    }
    if (Effect.isEffect(returned)) {
      // The types of the options say that it needs no services.
      return (returned as Effect.Effect<unknown, unknown>).pipe(
        Effect.mapError(toolError),
        Effect.flatMap(accept),
        Effect.catchDefect((defect) => Effect.fail(thrown(defect)))
      )
    }
    if (!Predicate.isPromiseLike(returned)) return accept(returned)
    const promise = returned
    return Effect.callback<A, ToolError>((resume) => {
      promise.then(
        (result) => resume(accept(result)),
        (error: unknown) => resume(Effect.fail(thrown(error)))
      )
    })
    // Around all of it: the interruption may come while the function itself still runs.
  }).pipe(Effect.onInterrupt(() => Effect.sync(() => call.abort())))

/** A value as JSON, as `JSON.stringify` writes it. */
export const toJson = (name: string, value: unknown): Effect.Effect<Schema.Json, ToolFailed> => {
  if (value === undefined || value === null) return Effect.succeed(null)
  if (typeof value === "string" || typeof value === "boolean") return Effect.succeed(value)
  try {
    const json = JSON.stringify(value)
    if (json !== undefined) return Effect.succeed(JSON.parse(json))
    return Effect.fail(new ToolFailed({ message: `The tool "${name}" returned a ${typeof value}, which is not JSON.` }))
  } catch (error) {
    const reason = error instanceof RangeError ? `it ${JsonDepth.tooDeep}` : messageOf(error)
    const message = `The tool "${name}" returned a value that is not JSON: ${reason}`
    return Effect.fail(new ToolFailed({ message, cause: error }))
  }
}

const toolError = (error: unknown): ToolError =>
  meant(error) ?? new ToolFailed({ message: redact(messageOf(error)), cause: error })

/** What a function threw is a mistake in its code, unless it says otherwise. */
const thrown = (error: unknown): ToolError =>
  meant(error) ?? new ToolFailed({ message: redact(messageOf(error)), cause: error, isDefect: true })

/**
 * An error by which a function says how its call failed. One of another copy of this package, or of
 * `crewline`, is known by its tag.
 */
const meant = (error: unknown): ToolError | undefined => {
  if (error instanceof ToolRetry || error instanceof ToolFailed) return error
  if (!(error instanceof Error) || !("_tag" in error)) return undefined
  const { message } = error
  const code = "code" in error && typeof error.code === "string" ? { code: error.code } : {}
  if (error._tag === "ToolRetry") return new ToolRetry({ message, ...code })
  if (error._tag === "ToolFailed") return new ToolFailed({ message, ...code, cause: error })
  return undefined
}

const maxMessageLength = 4_000

/** What went wrong, down to the first cause. */
const messageOf = (error: unknown): string => {
  const messages: Array<string> = []
  for (let current = error, depth = 0; current !== undefined && depth < 5; depth++) {
    const message = current instanceof Error ? current.message || current.name : textOf(current)
    // Wrapping errors often repeat what they wrap.
    if (!messages.some((known) => known.includes(message))) messages.push(message)
    current = current instanceof Error ? current.cause : undefined
  }
  const text = messages.join(": ")
  return text.length > maxMessageLength ? `${text.slice(0, maxMessageLength)}…` : text
}

const textOf = (thrown: unknown): string => {
  if (typeof thrown === "string") return thrown
  try {
    return JSON.stringify(thrown) ?? typeof thrown
  } catch {
    // It contains itself, or is nested too deeply.
    return typeof thrown
  }
}
