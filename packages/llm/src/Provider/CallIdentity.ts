/**
 * Ids and names of tool calls as every provider takes them back. What a model or another provider
 * wrote is kept where it fits, and otherwise becomes something that does: the same for a call and
 * its result, and different for different ids.
 */
import { createHash, randomUUID } from "node:crypto"

/** OpenAI takes ids of 40 characters, Anthropic letters, digits, `_` and `-`. */
export const isPortable = (id: string): boolean => /^[A-Za-z0-9_-]{1,40}$/.test(id)

/** Mistral takes nine letters or digits. */
export type Form = "portable" | "nine"

export const idOf = (id: string, form: Form = "portable"): string => {
  if (form === "nine") return /^[A-Za-z0-9]{9}$/.test(id) ? id : digestOf(id).slice(0, 9)
  return isPortable(id) ? id : `call_${digestOf(id).slice(0, 24)}`
}

/** A name that models make up may have any characters in it. */
export const nameOf = (name: string): string => {
  const plain = name.replace(/[^A-Za-z0-9_-]/g, "_").slice(0, 64)
  return plain === "" ? "unnamed" : plain
}

/** For a call that came without one: no two alike, in whichever turn or process. */
export const newId = (): string => `call_${randomUUID().replaceAll("-", "")}`.slice(0, 40)

const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex")

/** Where an answer came from, without what a URL may hold: kept with what goes back only there. */
export const originOf = (baseURL: string): string => digestOf(baseURL.replace(/\/+$/, "")).slice(0, 16)
