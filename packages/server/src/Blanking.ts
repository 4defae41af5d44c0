/**
 * Redacts a secret in values that go to events, logs and responses: a service that received it may
 * send it back.
 */
import * as Redacted from "effect/Redacted"

/** What is shorter is no secret, and words would be torn out of texts for it. */
const shortest = 8

export type Blank = <A>(value: A) => A

/**
 * Puts a mark in the place of the secret, in every text of a JSON value; undefined: it is too short
 * to be one.
 */
export const of = (secret: Redacted.Redacted, mark: string): Blank | undefined => {
  const key = Redacted.value(secret).trim()
  if (key.length < shortest) return undefined
  const forms = new Set([key, JSON.stringify(key).slice(1, -1), encodeURIComponent(key)])
  /** The same value where it does not hold the secret: that is nearly always. */
  return (value) => {
    let found = false
    const text = JSON.stringify(value, (_, part: unknown) => {
      if (typeof part !== "string") return part
      let safe = part
      for (const form of forms) safe = safe.replaceAll(form, mark)
      if (safe !== part) found = true
      return safe
    })
    return found ? JSON.parse(text) : value
  }
}
