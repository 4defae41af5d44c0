/**
 * Redacts a secret in values that go to events, logs and responses: a service that received it may
 * send it back.
 */
import * as Redacted from "effect/Redacted"

/** Shorter values are not treated as secrets, because redacting them would mangle ordinary text. */
const shortest = 8

export type Blank = <A>(value: A) => A

/**
 * Replaces the secret with a mark in every text of a JSON value; undefined: it is too short to be
 * one.
 */
export const of = (secret: Redacted.Redacted, mark: string): Blank | undefined => {
  const key = Redacted.value(secret).trim()
  if (key.length < shortest) return undefined
  const forms = new Set([key, JSON.stringify(key).slice(1, -1), encodeURIComponent(key)])
  /** Returns the same value if it does not contain the secret, which is nearly always. */
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
