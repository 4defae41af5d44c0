/**
 * Redacts a secret in values that go to events, logs and responses: a service that received it may
 * send it back.
 */
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"

/** Shorter values are not treated as secrets, because redacting them would mangle ordinary text. */
const shortest = 8

export type Blank = <A>(value: A) => A

/**
 * Replaces the secret with a mark in every text of a JSON value, and in every name of a field;
 * undefined: it is too short to be one.
 */
export const of = (secret: Redacted.Redacted, mark: string): Blank | undefined => {
  const key = Redacted.value(secret).trim()
  if (key.length < shortest) return undefined
  const forms = new Set([key, JSON.stringify(key).slice(1, -1), encodeURIComponent(key)])
  /** Returns the same value if it does not contain the secret, which is nearly always. */
  return (value) => {
    let found = false
    const safe = (part: string): string => {
      let clean = part
      for (const form of forms) clean = clean.replaceAll(form, mark)
      if (clean !== part) found = true
      return clean
    }
    const text = JSON.stringify(value, (_, part: unknown) => {
      if (typeof part === "string") return safe(part)
      if (!Predicate.isReadonlyObject(part) || Array.isArray(part)) return part
      const names = Object.keys(part)
      const clean = names.map(safe)
      if (clean.every((name, index) => name === names[index])) return part
      return Object.fromEntries(clean.map((name, index) => [name, part[names[index]!]]))
    })
    return found ? JSON.parse(text) : value
  }
}
