/**
 * What is wrong with an answer that came or a request that cannot be sent, found by ourselves and
 * not by an SDK. `Failure` makes a reason of each.
 */
import * as Predicate from "effect/Predicate"
import * as ErrorBody from "./ErrorBody.ts"

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
  readonly words: ErrorBody.Words
  /** Whether the body has the shape that failures of these APIs have. */
  readonly hasShape: boolean
  constructor(words: ErrorBody.Words, hasShape = true) {
    super(words.message)
    this.words = words
    this.hasShape = hasShape
  }
}

const unsaid: ErrorBody.Words = {
  message: "The provider reported a failure in the middle of its answer.",
  code: "",
  type: "",
  status: undefined
}

/** A failure that an answer holds, in the words of the provider where it has any. */
export const reported = (body: unknown): FailedMidStream => {
  const words = ErrorBody.read(body)
  return new FailedMidStream(words ?? { ...unsaid, ...codesOf(body) })
}

/** The failure in a body that holds no answer, where it says one in other words than `error`. */
export const inOtherWords = (body: unknown): FailedMidStream | undefined => {
  const words = ErrorBody.read(body)
  return words === undefined ? undefined : new FailedMidStream(words, false)
}

const codesOf = (body: unknown): Partial<ErrorBody.Words> => {
  const error = Predicate.hasProperty(body, "error") ? body.error : body
  const of = (name: string) =>
    Predicate.hasProperty(error, name) && typeof error[name] === "string" ? { [name]: error[name] } : {}
  return { ...of("code"), ...of("type") }
}
