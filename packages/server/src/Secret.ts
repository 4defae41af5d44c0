/**
 * Secrets that the server generates: keys and tickets. Each has 256 random bits, so that SHA-256 is
 * enough to store it safely.
 *
 * A key is `crewline_<prefix>_<secret>`: the prefix finds it and may be shown, the secret proves it
 * and may not. Scanners for leaked secrets recognize its beginning.
 */
import * as Redacted from "effect/Redacted"
import { hash as digest, randomBytes, timingSafeEqual } from "node:crypto"

/** SHA-256 in hexadecimal digits: what is stored of a secret. */
export const hash = (secret: Redacted.Redacted): string => digest("sha256", Redacted.value(secret))

/** In constant time. */
export const isSame = (hash: string, other: string): boolean =>
  hash.length === other.length && timingSafeEqual(Buffer.from(hash), Buffer.from(other))

export interface Key {
  /** The part that may be shown. */
  readonly prefix: string
  readonly key: Redacted.Redacted
}

export const makeKey = (): Key => {
  const prefix = `crewline_${randomBytes(6).toString("hex")}`
  return { prefix, key: Redacted.make(`${prefix}_${randomBytes(32).toString("base64url")}`) }
}

const form = /^(crewline_[0-9a-f]{12})_[\w-]{43}$/

/** The visible part of what may be a key. */
export const prefixOf = (key: Redacted.Redacted): string | undefined => form.exec(Redacted.value(key))?.[1]

/** For a single use, or for the life of a process. */
export const make = (): Redacted.Redacted => Redacted.make(randomBytes(32).toString("base64url"))
