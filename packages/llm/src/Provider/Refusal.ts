/**
 * Determines from an error which feature of a request the server rejected, if the error contains
 * enough information.
 */
import * as Predicate from "effect/Predicate"
import * as Capabilities from "./Capabilities.ts"
import * as ErrorBody from "./ErrorBody.ts"
import * as Fault from "./Fault.ts"
import * as Meaning from "./Meaning.ts"

export interface Refusal {
  readonly feature: Capabilities.Feature
  /**
   * True if the message names the feature. Otherwise it is a guess, and if the guess is wrong, the
   * original failure is reported.
   */
  readonly isSaid: boolean
  /** It applies to later requests, too, not only to the content of this one. */
  readonly isLasting: boolean
}

/** The error that an SDK throws for a status outside 200 to 299. */
export type ApiError = abstract new (...args: never) => {
  readonly status: unknown
  readonly error: unknown
  readonly message: string
}

/** Statuses of a server that does not support a requested feature. */
const statuses = new Set<unknown>([400, 404, 415, 422, 500, 501])

/** Content that was encrypted or signed for another account, or has expired. */
const ofContent = /encrypted[_ ]content|(?:not|n't) be (?:verified|decrypted)|invalid [`'"]?signature/i

export const of = (apiError: ApiError, sent: Capabilities.Sent, error: unknown): Refusal | undefined => {
  const words = wordsOf(apiError, error)
  if (words === undefined) return undefined
  const { kind, message, status } = words
  if (Meaning.isTooLong(message) || Meaning.isSlip(kind, message) || Meaning.isFiltered(kind, message)) return undefined
  const said = `${message} ${kind}`
  const feature = Capabilities.refused(sent, said)
  if (feature !== undefined) {
    return { feature, isSaid: true, isLasting: feature !== "opaque_fields" || !ofContent.test(said) }
  }
  // A server that does not know a format often says only that the request is invalid.
  return sent.json_schema === true && (status === 400 || status === 422)
    ? { feature: "json_schema", isSaid: false, isLasting: true }
    : undefined
}

const wordsOf = (apiError: ApiError, error: unknown) => {
  if (error instanceof Fault.FailedMidStream) {
    const { code, message, status, type } = error.words
    return { kind: `${code} ${type}`, message, status }
  }
  if (!(error instanceof apiError) || !statuses.has(error.status)) return undefined
  const words = ErrorBody.read(error.error)
  const param = Predicate.hasProperty(error, "param") && typeof error.param === "string" ? error.param : ""
  const message = `${words?.message ?? error.message} ${param}`
  return { kind: `${words?.code ?? ""} ${words?.type ?? ""}`, message, status: error.status as number | undefined }
}
