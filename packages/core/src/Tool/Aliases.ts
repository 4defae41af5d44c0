/**
 * Other names of arguments. Models have been trained on tools of other frameworks and use their
 * names. These are replaced before policies decide about a call, so policies, approvals, events and
 * the tool itself see the same arguments.
 */
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import * as CanonicalJson from "../CanonicalJson.ts"
import { type Tool, ToolRetry } from "./Definition.ts"

/**
 * By alias: the argument that it replaces; or, with `parentOf`, the argument that contains a path
 * relative to the directory in the alias.
 */
export type Aliases = NonNullable<Tool["aliases"]>

/**
 * The arguments under their own names. Fails with `arguments-invalid` when two names of one
 * argument have different values.
 */
export const resolve = (
  { aliases, name: tool }: Pick<Tool, "aliases" | "name">,
  args: Schema.JsonObject
): Result.Result<Schema.JsonObject, ToolRetry> => {
  if (aliases === undefined || !Object.keys(args).some((key) => Object.hasOwn(aliases, key))) {
    return Result.succeed(args)
  }
  const resolved = new Map<string, Schema.Json>()
  const givenAs = new Map<string, string>()
  const parents: Array<readonly [directory: string, path: string]> = []
  for (const [key, value] of Object.entries(args)) {
    const target = Object.hasOwn(aliases, key) ? aliases[key]! : key
    if (typeof target === "object") parents.push([key, target.parentOf])
    const name = typeof target === "object" ? key : target
    const other = givenAs.get(name)
    if (other !== undefined && !isSame(resolved.get(name), value))
      return Result.fail(conflict(tool, name, [other, key]))
    resolved.set(name, value)
    givenAs.set(name, key)
  }
  for (const [directory, path] of parents) {
    const joined = join(resolved.get(directory), resolved.get(path))
    // The validation reports the remaining problem.
    if (joined === undefined) continue
    resolved.set(path, joined)
    resolved.delete(directory)
  }
  return Result.succeed(Object.fromEntries(resolved))
}

/** Throws a `TypeError` if an alias is also the name of an argument, or does not refer to one. */
export const check = (tool: string, aliases: Aliases, parameters: JsonSchema.JsonSchema): void => {
  const properties = Predicate.isReadonlyObject(parameters["properties"]) ? parameters["properties"] : {}
  for (const [alias, target] of Object.entries(aliases)) {
    const name = typeof target === "object" ? target.parentOf : target
    if (Object.hasOwn(properties, alias)) {
      throw new TypeError(
        `The alias "${alias}" of the tool "${tool}" is also the name of a parameter: remove or rename the alias.`
      )
    }
    if (!Object.hasOwn(properties, name)) {
      throw new TypeError(`The alias "${alias}" of the tool "${tool}" refers to "${name}", which is not a parameter.`)
    }
  }
}

const isSame = (one: Schema.Json | undefined, other: Schema.Json): boolean =>
  one === other || CanonicalJson.stringify(one) === CanonicalJson.stringify(other)

const conflict = (tool: string, name: string, keys: readonly [string, string]): ToolRetry => {
  const [one, other] = keys.map((key) => JSON.stringify(key))
  const message = `The arguments of the tool "${tool}" are ambiguous: ${one} and ${other} have different values. Call it again with "${name}" only.`
  return new ToolRetry({ message, code: "arguments-invalid" })
}

const join = (directory: Schema.Json | undefined, path: Schema.Json | undefined): string | undefined => {
  if (typeof directory !== "string" || typeof path !== "string") return undefined
  return /^\.?[/\\]?$/.test(directory) ? path : `${directory}/${path}`
}
