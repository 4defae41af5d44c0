/** How a memory fails. */
import * as Schema from "effect/Schema"

/** The memory's storage failed. */
export class MemoryError extends Schema.TaggedError<MemoryError>()("MemoryError", {
  operation: Schema.String,
  description: Schema.String,
  isRetryable: Schema.Boolean
}) {
  override get message() {
    return `Memory.${this.operation}: ${this.description}`
  }
}

/** What was handed over cannot be remembered, asked or forgotten as it is. */
export class InvalidMemory extends Schema.TaggedError<InvalidMemory>()("InvalidMemory", {
  operation: Schema.String,
  /** Where: `entries[3].text`. */
  path: Schema.String,
  description: Schema.String
}) {
  override get message() {
    return `Invalid ${this.path}: ${this.description}`
  }
}

export class UnknownMemory extends Schema.TaggedError<UnknownMemory>()("UnknownMemory", {
  id: Schema.String
}) {
  override get message() {
    return `There is no memory ${JSON.stringify(this.id)}: it was never stored here, or it was erased.`
  }
}
