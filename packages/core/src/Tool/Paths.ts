/**
 * Arguments that are paths of the workspace, in one spelling: `./secret//a` and `secret\a` become
 * `secret/a`. Policies compare them as text, so another spelling of a denied path must not differ.
 * Paths outside the workspace are not changed: the file tools refuse them.
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import type * as Schema from "effect/Schema"
import * as PathGuard from "../PathGuard.ts"
import type { Tool } from "./Definition.ts"

/** The arguments with normalised paths; the same object if nothing changes. */
export const normalize = ({ paths = [] }: Pick<Tool, "paths">, args: Schema.JsonObject): Schema.JsonObject => {
  const changed = paths.flatMap((name) => {
    const value = args[name]
    const normal = value === undefined ? value : ofValue(value)
    return normal === value || normal === undefined ? [] : [[name, normal] as const]
  })
  return changed.length === 0 ? args : { ...args, ...Object.fromEntries(changed) }
}

/** Throws a `TypeError` when a path is not a parameter. */
export const check = (tool: string, paths: ReadonlyArray<string>, parameters: JsonSchema.JsonSchema): void => {
  const properties = Predicate.isReadonlyObject(parameters["properties"]) ? parameters["properties"] : {}
  for (const name of paths) {
    if (!Object.hasOwn(properties, name)) {
      throw new TypeError(`The tool "${tool}" lists "${name}" in paths, but has no parameter of that name.`)
    }
  }
}

const ofValue = (value: Schema.Json): Schema.Json => {
  if (typeof value === "string") return ofText(value)
  if (!Array.isArray(value)) return value
  const items = value.map((item: Schema.Json) => (typeof item === "string" ? ofText(item) : item))
  return items.every((item, index) => item === value[index]) ? value : items
}

const ofText = (path: string): string => PathGuard.spelling(path) ?? path
