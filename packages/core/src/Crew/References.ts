/** Mentions of agents and tasks in a declaration, in the one form that names have. */
import type * as Schema from "effect/Schema"
import * as Placeholder from "./Placeholder.ts"
import { isObject } from "./PlainJson.ts"

/** The declaration of a task, an agent or a manager with the names that it mentions normalised. */
export const normalise = (declaration: Schema.Json): Schema.Json => {
  if (!isObject(declaration)) return declaration
  const changed = keys.flatMap((key): ReadonlyArray<[string, Schema.Json]> => {
    const mention = declaration[key]
    if (mention === undefined) return []
    const normal = key === "when" ? condition(mention) : names(mention)
    return normal === mention ? [] : [[key, normal]]
  })
  return changed.length === 0 ? declaration : Object.freeze({ ...declaration, ...Object.fromEntries(changed) })
}

const keys = ["agent", "allow", "context", "dependsOn", "when"]

const condition = (when: Schema.Json): Schema.Json => {
  if (!isObject(when) || typeof when["task"] !== "string") return when
  const task = Placeholder.normalName(when["task"])
  return task === when["task"] ? when : Object.freeze({ ...when, task })
}

const names = (mention: Schema.Json): Schema.Json => {
  if (typeof mention === "string") return Placeholder.normalName(mention)
  if (!Array.isArray(mention)) return mention
  const list: ReadonlyArray<Schema.Json> = mention
  const normal = list.map((name) => (typeof name === "string" ? Placeholder.normalName(name) : name))
  return normal.every((name, index) => name === list[index]) ? mention : Object.freeze(normal)
}
