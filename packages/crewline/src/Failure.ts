/**
 * The errors that promises of this package reject with. Those of `@crewline/core` are known by
 * their `_tag`, so that `instanceof` works before the engine is loaded, and for every copy of it.
 */
import type * as CoreCrew from "@crewline/core/Crew"
import type * as Crewline from "@crewline/core/Crewline"
import type * as EventLog from "@crewline/core/EventLog"

/** For the right side of `instanceof`. */
interface Kind<E> {
  readonly [Symbol.hasInstance]: (value: unknown) => value is E
}

// A class, because test runners insist on one; nothing is ever made of it.
const kind = <E>(tag: string): Kind<E> =>
  class {
    static [Symbol.hasInstance](value: unknown): value is E {
      return value instanceof Error && "_tag" in value && value._tag === tag
    }
  }

/** Something is wrong with a crew; `problems` has everything, each with its place. */
export const CrewInvalid: Kind<CoreCrew.CrewInvalid> = kind("CrewInvalid")
export type CrewInvalid = CoreCrew.CrewInvalid

/** The execution failed, or was cancelled. */
export const ExecutionFailed: Kind<Crewline.ExecutionFailed> = kind("ExecutionFailed")
export type ExecutionFailed = Crewline.ExecutionFailed

/**
 * Where events are kept, something went wrong; `reason` says what: there may be no such execution.
 */
export const EventLogError: Kind<EventLog.EventLogError> = kind("EventLogError")
export type EventLogError = EventLog.EventLogError

/**
 * The client is closed, or was while the call was under way. What ran goes on elsewhere, or in the
 * next client, where executions are kept in a directory or a database.
 */
export class ClientClosed extends Error {
  readonly _tag = "ClientClosed"
  override readonly name = "ClientClosed"

  constructor() {
    super("The client is closed: make another one with client().")
  }
}

/** A package that is installed by choice is needed and not there. */
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

/**
 * Thrown by the function of a tool: the call was wrong in a way that the model can mend; the
 * message tells it how.
 */
export class ToolRetry extends Error {
  readonly _tag = "ToolRetry"
  override readonly name = "ToolRetry"
}

/** Thrown by the function of a tool: no call can succeed; the message is shown to the model. */
export class ToolFailed extends Error {
  readonly _tag = "ToolFailed"
  override readonly name = "ToolFailed"
}
