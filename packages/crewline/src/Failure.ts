/**
 * The errors that promises of this package reject with. Errors of `@crewline/core` are identified
 * by their `_tag`, so that `instanceof` works before the engine is loaded, and for every copy of
 * it.
 */
import type * as CoreCrew from "@crewline/core/Crew"
import type * as Crewline from "@crewline/core/Crewline"
import type * as EventLog from "@crewline/core/EventLog"

/** For the right side of `instanceof`. */
interface Kind<E> {
  readonly [Symbol.hasInstance]: (value: unknown) => value is E
}

// A class, because test runners require one; it is never instantiated.
const kind = <E>(tag: string): Kind<E> =>
  class {
    static [Symbol.hasInstance](value: unknown): value is E {
      return value instanceof Error && "_tag" in value && value._tag === tag
    }
  }

/** A crew is invalid; `problems` lists every problem with its location. */
export const CrewInvalid: Kind<CoreCrew.CrewInvalid> = kind("CrewInvalid")
export type CrewInvalid = CoreCrew.CrewInvalid

/** The execution failed, or was cancelled. */
export const ExecutionFailed: Kind<Crewline.ExecutionFailed> = kind("ExecutionFailed")
export type ExecutionFailed = Crewline.ExecutionFailed

/** An operation of the event log failed; `reason` gives the cause, such as an unknown execution. */
export const EventLogError: Kind<EventLog.EventLogError> = kind("EventLogError")
export type EventLogError = EventLog.EventLogError

/**
 * The client is closed, or was closed during the call. With a directory or a database, running
 * executions continue elsewhere or in the next client.
 */
export class ClientClosed extends Error {
  readonly _tag = "ClientClosed"
  override readonly name = "ClientClosed"

  constructor() {
    super("The client is closed: make another one with client().")
  }
}

/** An option does not exist, has the wrong type, or cannot be combined with another one. */
export class InvalidOption extends TypeError {
  readonly _tag = "InvalidOption"
  override readonly name = "InvalidOption"
  /** Its name, `models.openai` for example. */
  readonly option: string

  constructor(option: string, message: string) {
    super(message)
    this.option = option
  }
}

/** An optional package is needed but not installed. */
export class MissingPackage extends Error {
  readonly _tag = "MissingPackage"
  override readonly name = "MissingPackage"
  /** The name of the package. */
  readonly package: string

  constructor(name: string, needed: string, cause: unknown) {
    super(`${needed} needs the package ${name}, which is not installed: npm install ${name}`, { cause })
    this.package = name
  }
}

/** Thrown by the function of a tool: the model can correct the call; the message tells it how. */
export class ToolRetry extends Error {
  readonly _tag = "ToolRetry"
  override readonly name = "ToolRetry"
}

/** Thrown by the function of a tool: no call can succeed; the message is shown to the model. */
export class ToolFailed extends Error {
  readonly _tag = "ToolFailed"
  override readonly name = "ToolFailed"
}
