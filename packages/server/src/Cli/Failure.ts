/** Failures of commands: the message and the exit code. */
import * as FileFailure from "@crewline/core/FileFailure"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"

/** The exit codes of `crewline`. */
export const exitCode = {
  /** The execution failed, or the server could not start. */
  failed: 1,
  /** The crew is invalid, or the command was not understood. */
  invalid: 2,
  /** Nothing can continue before people have answered. */
  waiting: 3,
  /** A crew was generated, and is not valid. */
  draft: 3,
  /** Cancelled by Control-C. */
  cancelled: 130
} as const

/** The command ends. `message` is for people and may be empty when all has been said. */
export class Failure extends Schema.TaggedError<Failure>()("CommandFailure", {
  message: Schema.String,
  code: Schema.Int
}) {
  override readonly [Runtime.errorExitCode] = this.code
}

export const failed = (message: string): Failure => new Failure({ message, code: exitCode.failed })
export const waiting = (message: string): Failure => new Failure({ message, code: exitCode.waiting })
export const draft = (message: string): Failure => new Failure({ message, code: exitCode.draft })
export const invalid = (message: string): Failure => new Failure({ message, code: exitCode.invalid })

/** Why the command failed, with the root cause: "Failed to connect" alone does not help. */
export const because = (error: Error): Failure => {
  let root: Error = error
  while (root.cause instanceof Error) root = root.cause
  const why = FileFailure.isFileFailure(root) ? FileFailure.describe(root) : root.message
  return failed(error.message.includes(why) ? error.message : `${error.message}: ${why}`)
}
