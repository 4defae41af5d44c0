/**
 * Which feature of a request a server has refused, by what it said; in vain where it said nothing
 * that tells.
 */
import * as Capabilities from "./Capabilities.ts"
import * as ErrorBody from "../Provider/ErrorBody.ts"
import * as Fault from "../Provider/Fault.ts"
import * as Meaning from "../Provider/Meaning.ts"
import type { Sdk } from "./Sdk.ts"

export interface Refusal {
  readonly feature: Capabilities.Feature
  /**
   * The words were about it; otherwise it is a guess, and the failure counts if the guess was
   * wrong.
   */
  readonly isSaid: boolean
}

/** Statuses of a server that was asked for what it does not have. */
const statuses = new Set<unknown>([400, 404, 415, 422, 500, 501])

export const of = (sdk: Sdk, sent: Capabilities.Sent, error: unknown): Refusal | undefined => {
  const words = wordsOf(sdk, error)
  if (words === undefined) return undefined
  const { kind, message, status } = words
  if (Meaning.isTooLong(message) || Meaning.isSlip(kind, message) || Meaning.isFiltered(kind, message)) return undefined
  const feature = Capabilities.refused(sent, `${message} ${kind}`)
  if (feature !== undefined) return { feature, isSaid: true }
  // A server that does not know a format often says only that the request is invalid.
  return sent.json_schema && (status === 400 || status === 422) ? { feature: "json_schema", isSaid: false } : undefined
}

const wordsOf = ({ APIError }: Sdk, error: unknown) => {
  if (error instanceof Fault.FailedMidStream) {
    const { code, message, status, type } = error.words
    return { kind: `${code} ${type}`, message, status }
  }
  if (!(error instanceof APIError) || !statuses.has(error.status)) return undefined
  const words = ErrorBody.read(error.error)
  const param = typeof error.param === "string" ? error.param : ""
  const message = `${words?.message ?? error.message} ${param}`
  return { kind: `${words?.code ?? ""} ${words?.type ?? ""}`, message, status: error.status as number | undefined }
}
