/**
 * What a server sends beside an answer or a call that is not ours to understand: signatures,
 * details of reasoning. It is kept with the answer and goes back with it, to where it came from and
 * nowhere else.
 */
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"

export interface Fields {
  [name: string]: Schema.Json
}

/** Kept in the metadata of a part. */
export interface Kept {
  readonly origin: string
  /** The field that the text of the reasoning came in. */
  readonly field?: string
  readonly fields?: Fields
  /** Of the function of a call. */
  readonly ofFunction?: Fields
}

const key = "chat"

export const metadata = (kept: Kept): { readonly metadata: { readonly [key]: Schema.Json } } => ({
  // Without what is undefined, which the log would not keep.
  metadata: { [key]: JSON.parse(JSON.stringify(kept)) }
})

/** What was kept of a part, where it came from this server. */
export const ofPart = (part: { readonly options?: unknown }, origin: string): Kept | undefined => {
  const { options } = part
  const kept = Predicate.isReadonlyObject(options) ? options[key] : undefined
  // `metadata` above is the only writer of this key, and the origin shows that it was this server.
  return Predicate.isReadonlyObject(kept) && kept["origin"] === origin ? (kept as unknown as Kept) : undefined
}

/** Adds the fields of a message or of a piece of it that are not known. */
export const gather = (
  before: Fields | undefined,
  from: { readonly [field: string]: unknown },
  known: ReadonlySet<string>
): Fields | undefined => {
  let fields = before
  for (const name in from) {
    if (known.has(name) || name === "__proto__") continue
    const value = from[name]
    if (value == null || value === "" || (Array.isArray(value) && value.length === 0)) continue
    fields ??= {}
    fields[name] = merged(fields[name], value as Schema.Json)
  }
  return fields
}

/** Texts that come in pieces; other texts come whole. */
const growing = new Set(["text", "summary", "thinking", "data", "reasoning", "reasoning_text", "reasoning_content"])

const merged = (before: Schema.Json | undefined, value: Schema.Json): Schema.Json => {
  if (Array.isArray(before) && Array.isArray(value)) {
    const all = [...before]
    for (const item of value) {
      const last = all.at(-1)
      if (goesOn(last, item)) all[all.length - 1] = extended(last, item)
      else all.push(item)
    }
    return all
  }
  return isObject(before) && isObject(value) ? extended(before, value) : value
}

interface Item {
  readonly [name: string]: Schema.Json
}

const isObject = (value: unknown): value is Item => Predicate.isReadonlyObject(value) && !Array.isArray(value)

/** Whether an item of a list is the next piece of the one before. */
const goesOn = (last: Schema.Json | undefined, item: Schema.Json): last is Item & Schema.Json => {
  if (!isObject(last) || !isObject(item)) return false
  if (last["type"] !== item["type"] || last["index"] !== item["index"]) return false
  if (item["id"] != null && last["id"] != null && item["id"] !== last["id"]) return false
  // Signed, it is complete.
  return last["index"] !== undefined || !(typeof last["signature"] === "string" && last["signature"] !== "")
}

const extended = (last: Item, item: Schema.Json): Item => {
  if (!isObject(item)) return last
  const out: { [name: string]: Schema.Json } = { ...last }
  for (const [name, value] of Object.entries(item)) {
    const before = out[name]
    if (value === null || value === undefined) continue
    if (typeof before === "string" && typeof value === "string" && growing.has(name)) out[name] = before + value
    else if (value !== "") out[name] = merged(before, value)
  }
  return out
}
