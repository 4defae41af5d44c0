/**
 * What is wrong with an answer that came or a request that cannot be sent, found by ourselves and not by an SDK. `Failure` makes a
 * reason of each.
 */

/** The provider sent something that is no answer; `message` says what, and may quote it. */
export class NotAnAnswer extends Error {
  /** The message without what it quotes. */
  readonly what: string
  constructor(what: string, quoted?: string) {
    super(quoted === undefined ? what : `${what}: ${quoted}`)
    this.what = what
  }
}

/** The provider refused to answer, or cut its answer off, because of the content. */
export class Refused extends Error {}

/** The request cannot be put into words that the provider has. */
export class Unsupported extends Error {}

/** The provider reported a failure inside of an answer that had begun well. */
export class FailedMidStream extends Error {
  readonly body: { readonly message?: unknown; readonly code?: unknown; readonly type?: unknown }
  constructor(body: FailedMidStream["body"]) {
    super(
      typeof body.message === "string" ? body.message : "The provider reported a failure in the middle of its answer."
    )
    this.body = body
  }
}

/** A failure from the `error` of an answer, which some servers fill with a text. */
export const reported = (error: unknown): FailedMidStream =>
  new FailedMidStream(typeof error === "object" && error !== null ? error : { message: error })
